"""How the entities of a node make up their parents: weights, components and excess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.synth.node_data import NodeData
from transforms.synth.streams import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Decomposition:
    """Children against their parents; arrays hold one element a child entity.

    ``share``: weight (encounters) over the sum of the siblings' weights, 0 to 1.
    ``component``: share x value. ``excess``: share x (value - parent value); both NaN where a
    value is missing.
    """

    parent: IntArray
    weight: FloatArray
    share: FloatArray
    value: FloatArray
    parent_value: FloatArray
    component: FloatArray
    excess: FloatArray


def decompose(
    parent: NodeData, child: NodeData, values: FloatArray, parent_values: FloatArray
) -> Decomposition:
    """Weighted-mean decomposition of ``parent_values`` into the ``values`` of ``child``."""
    position = {key: index for index, key in enumerate(parent.entities.keys)}
    width = len(parent.entities.scope.dimensions)
    parents = np.array([position[key[:width]] for key in child.entities.keys], dtype=np.int64)
    weight = child.measures.encounters.sum(axis=1).astype(np.float64)
    share = weight / np.bincount(parents, weights=weight, minlength=len(position))[parents]
    above = parent_values[parents]
    return Decomposition(
        parent=parents,
        weight=weight,
        share=share,
        value=values,
        parent_value=above,
        component=share * values,
        excess=share * (values - above),
    )
