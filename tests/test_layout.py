from conftest import ROOT


def is_command(path):
    return path.suffix == ".py" and '\nif __name__ == "__main__":' in path.read_text(encoding="utf-8")


def test_no_folder_of_code_has_more_than_fourteen_entries_besides_commands_and_recipes():
    ignored = {"__pycache__", "README.md"}
    for top in ("char_lstm_tf", "pipelines", "tests", "benchmarks"):
        for folder in [ROOT / top, *(path for path in (ROOT / top).rglob("*") if path.is_dir())]:
            if not any(path.suffix in (".py", ".js") for path in folder.iterdir()):
                continue  # data
            counted = (path for path in folder.iterdir() if path.suffix != ".flags" and not is_command(path))
            entries = {path.name for path in counted} - ignored
            assert len(entries) <= 14 or folder.name in ignored, folder
