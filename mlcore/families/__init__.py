"""The families of learners that a classifier is blended from, one module each.

A new family has a module of its own and a place in `FAMILIES`, and nothing else to change. They are
tried in this order, and left as soon as they lag: what is likely to win comes first.
"""

from mlcore.families.boosting import Sharp, Smooth
from mlcore.families.extra_trees import ExtraTrees
from mlcore.families.family import Family, Part
from mlcore.families.forest import RandomForest
from mlcore.families.linear import Linear
from mlcore.families.net import Net
from mlcore.families.prior import Imported

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (Imported(), Sharp(), Smooth(), RandomForest(), ExtraTrees(), Linear(), Net())
}
PARTS: dict[str, type[Part]] = {family.part.kind: family.part for family in FAMILIES.values()}
