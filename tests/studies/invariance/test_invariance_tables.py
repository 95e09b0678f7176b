"""Tables of what is unusual: one class, no floor, units without M."""

import numpy as np
from studies.invariance.made_up import measurement

from anatomy.studies.invariance.measurement import Measurement
from anatomy.studies.invariance.tables import (
    layer_table,
    layers_table,
    network_table,
    outputs_table,
    units_table,
)


def test_of_one_class_all_kinds_are_the_same():
    own = measurement()
    arrays = {name: array[-1:].repeat(2, 0) for name, array in own.arrays.items() if "/" in name}
    arrays = {name: array for name, array in arrays.items() if not name.startswith("floor")}
    facts = {**own.facts, "classes": ["one"]}
    units = units_table([Measurement(facts, {**arrays, "images": np.array([9])})])
    table = network_table(units)
    for _, rows in table.groupby("aggregation"):
        assert rows["kind"].tolist() == ["all", "stratified"] and rows["invariance"].nunique() == 1
    assert len(outputs_table(units)) == 3
    assert units["floor"].isna().all()
    assert set(layers_table(layer_table(units), 2)["quantity"]) == {"invariance", "invariance_stratified"}


def test_units_without_m_are_counted_and_left_out():
    layers = layer_table(units_table([measurement(odd=True)]))
    first = layers.set_index(["aggregation", "kind", "label"]).loc[("mean", "all", "c1")]
    assert first[["units", "dead", "infinite", "not_finite"]].tolist() == [4, 1, 1, 1]
    units = units_table([measurement(odd=True)])
    m = units[(units["kind"] == "all") & (units["aggregation"] == "mean") & (units["label"] == "c1")][
        "invariance"
    ]
    assert m[:1].tolist() == [1] and np.isposinf(m.iloc[1]) and np.isnan(m.iloc[2])
    np.testing.assert_allclose(first["invariance"], (1 + m.iloc[3]) / 2)
    np.testing.assert_allclose(first["invariance_alive"], m.iloc[3])
