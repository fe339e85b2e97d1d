from emulator_stage import make_stage, stage

__all__ = ["make_stage", "stage"]
