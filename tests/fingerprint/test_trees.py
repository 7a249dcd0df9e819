"""Trees of named digests: what is in a digest, and what is only shown."""

import numpy as np

from dtset.fingerprint import environment_leaves, fingerprint, fingerprint_tree, rooted
from dtset.fingerprint.graph import reached_distributions
from dtset.fingerprint.node import stored_tree
from dtset.fingerprint.plain import show
from dtset.fingerprint.tree import branch, leaf


def test_a_branch_is_its_parts_in_their_order():
    one, two = leaf("a", "1"), leaf("b", "2")
    assert branch("node", one, two).digest != branch("node", two, one).digest


def test_a_leaf_is_its_parts_and_not_its_name():
    assert leaf("python", "3.11").digest == leaf("elsewhere", "3.11").digest
    assert leaf("x", "ab", "c").digest != leaf("x", "a", "bc").digest


def test_a_fingerprint_is_rooted_in_pythons_version_and_the_format():
    assert rooted(fingerprint_tree(5, "int")) == fingerprint(5)
    assert [leaf.name for leaf in environment_leaves()] == ["python", "fingerprint format"]


def test_trees_show_short_plain_values_and_the_distributions_they_reach():
    assert fingerprint_tree(5, "parameter n").shown == "5"
    assert (show({"a": [1, None]}), show([object()])) == ("{'a': [1, None]}", None)
    assert list(reached_distributions([fingerprint_tree(np.sum, "map")])) == ["numpy"]


def test_persisted_elements_are_their_digest_whatever_they_are_called():
    assert stored_tree("clean", "ab", {}).digest == stored_tree("cleaned", "ab", {}).digest
