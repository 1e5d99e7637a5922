/* Writes text with a SavedModel and TensorFlow's C library alone: generate MODEL OUTPUT PROMPT NUM_CHARS SEED,
   OUTPUT being the tensor of `text`, such as StatefulPartitionedCall:0. Two rows: the seed and the one after it. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

enum { ROWS = 2, INPUTS = 6 };

static void check(TF_Status *status) {
  if (TF_GetCode(status) == TF_OK) return;
  fprintf(stderr, "%s\n", TF_Message(status));
  exit(1);
}

static TF_Output find(TF_Graph *graph, const char *name, int index) {
  TF_Output output = {TF_GraphOperationByName(graph, name), index};
  if (output.oper) return output;
  fprintf(stderr, "no operation %s\n", name);
  exit(1);
}

static TF_Tensor *numbers(TF_DataType type, const void *values) {
  int64_t shape[] = {ROWS};
  size_t size = ROWS * TF_DataTypeSize(type);
  TF_Tensor *tensor = TF_AllocateTensor(type, shape, 1, size);
  memcpy(TF_TensorData(tensor), values, size);
  return tensor;
}

static TF_Tensor *strings(const char *value) {
  int64_t shape[] = {ROWS};
  TF_Tensor *tensor = TF_AllocateTensor(TF_STRING, shape, 1, ROWS * sizeof(TF_TString));
  TF_TString *rows = TF_TensorData(tensor);
  for (int row = 0; row < ROWS; ++row) {
    TF_StringInit(&rows[row]);
    TF_StringCopy(&rows[row], value, strlen(value));
  }
  return tensor;
}

int main(int count, char **words) {
  if (count != 6) {
    fprintf(stderr, "usage: %s MODEL OUTPUT PROMPT NUM_CHARS SEED\n", words[0]);
    return 2;
  }
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  const char *tags[] = {"serve"};
  TF_Session *session =
      TF_LoadSessionFromSavedModel(options, NULL, words[1], tags, 1, graph, NULL, status);
  check(status);

  char *colon = strchr(words[2], ':');
  int index = colon ? atoi(colon + 1) : 0;
  if (colon) *colon = '\0';
  TF_Output output = find(graph, words[2], index);

  int32_t chars = atoi(words[4]);
  int64_t seed = atoll(words[5]);
  int32_t num_chars[] = {chars, chars}, top_k[] = {0, 0};
  float temperature[] = {0.8f, 0.8f}, top_p[] = {1, 1};
  int64_t seeds[] = {seed, seed + 1};
  TF_Output inputs[INPUTS] = {
      find(graph, "generate_prompt", 0),      find(graph, "generate_num_chars", 0),
      find(graph, "generate_temperature", 0), find(graph, "generate_top_k", 0),
      find(graph, "generate_top_p", 0),       find(graph, "generate_seed", 0),
  };
  TF_Tensor *values[INPUTS] = {
      strings(words[3]),         numbers(TF_INT32, num_chars), numbers(TF_FLOAT, temperature),
      numbers(TF_INT32, top_k), numbers(TF_FLOAT, top_p),     numbers(TF_INT64, seeds),
  };
  TF_Tensor *text = NULL;
  TF_SessionRun(session, NULL, inputs, values, INPUTS, &output, &text, 1, NULL, 0, NULL, status);
  check(status);
  TF_TString *rows = TF_TensorData(text);
  for (int row = 0; row < ROWS; ++row) {
    fwrite(TF_StringGetDataPointer(&rows[row]), 1, TF_StringGetSize(&rows[row]), stdout);
    putchar('\0');
  }
  TF_DeleteTensor(text);
  for (int input = 0; input < INPUTS; ++input) TF_DeleteTensor(values[input]);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
