from conftest import ROOT


def test_no_folder_of_code_has_more_than_twelve_entries():
    ignored = {"__pycache__", "README.md"}
    for top in ("char_lstm_tf", "pipelines", "tests", "benchmarks"):
        for folder in [ROOT / top, *(path for path in (ROOT / top).rglob("*") if path.is_dir())]:
            entries = {path.name for path in folder.iterdir()} - ignored
            assert len(entries) <= 12 or folder.name in ignored, folder
