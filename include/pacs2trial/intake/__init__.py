"""Stage 1 for whatever brings an object: a DICOM node, a pull, a file."""

from pacs2trial.intake.files import StagePathsReport, stage_file, stage_paths
from pacs2trial.intake.stage1 import Staged, stage_dataset, stage_part10

__all__ = ["StagePathsReport", "Staged", "stage_dataset", "stage_file", "stage_part10", "stage_paths"]
