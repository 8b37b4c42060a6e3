"""Why rows can't be order lines."""

import pandas as pd


class Reasons:
    """Collects the codes for which rows are rejected, in the order in which they were found."""

    def __init__(self, misfit: pd.Series):
        self.joined = misfit.fillna("")

    def add(self, code: str, rejected: pd.Series) -> None:
        rejected = rejected.fillna(False).to_numpy(dtype=bool)
        if rejected.any():
            known = self.joined[rejected]
            self.joined[rejected] = (known + ("," + code)).str.lstrip(",")
