"""Plan node → tree of named digests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from dtset.fingerprint import Session, environment_leaves, fingerprint_tree
from dtset.fingerprint.tree import OPERATOR, Tree, branch, leaf, own_mark
from dtset.plan import nodes
from dtset.plan.user_function import UserFunction


def plan_tree(
    node: nodes.Node,
    stored: Mapping[nodes.Mark, Tree],
    *,
    config: Mapping[str, Any],
    ignore: Collection[str] = (),
) -> Tree:
    """Fingerprint of the elements of a node, with the Python version and the format of fingerprints as leaves."""
    trees: dict[nodes.Mark, Tree] = dict(stored)
    session = Session(ignore)
    for needed in nodes.topological(node, until=lambda above: above.mark in stored):
        if needed.mark not in stored:
            trees[needed.mark] = node_tree(needed, trees, config, session)
    return rooted_tree(trees[node.mark])


def rooted_tree(tree: Tree) -> Tree:
    """Return the tree of a plan, of that of its last node: with the Python version and the format as leaves."""
    leaves = environment_leaves()
    # By its role: what a function is called does not count.
    whole = branch("plan", *leaves, replace(tree, name="elements"))
    chain = branch("plan", *leaves, Tree("elements", tree.chain)).digest
    return replace(whole, children=(*leaves, tree), chain=chain)


def stored_tree(name: str, digest: str, classes: Mapping[str, Tree], chain: str = "") -> Tree:
    """What stands for persisted elements: their digest, and the code of the classes in them."""
    code = [
        replace(
            leaf(f"class {each}", tree.digest),
            children=tree.children,
            own=tree.own,
            place=tree.place,
        )
        for each, tree in sorted(classes.items())
    ]
    made = branch("data", leaf("digest", digest), *code)
    own = own_mark(b"data")
    return replace(made, name=f"persisted {name}", own=own, place=OPERATOR, chain=chain)


def files_tree(files: nodes.FunctionFiles) -> Tree:
    """Tree of files that a function reads by itself, as they are now."""
    leaves = []
    for name, identity in sorted(files.identity().items()):
        state, _, inode = identity.partition(";inode=")
        # By itself: file systems in user space number their files on each machine.
        leaves += [leaf(f"file {name}", state), leaf(f"inode of file {name}", inode)]
    return branch("files", *leaves)


def node_tree(
    node: nodes.Node, trees: Mapping[nodes.Mark, Tree], config: Mapping[str, Any], session: Session
) -> Tree:
    """Tree of a node whose inputs have theirs."""
    if isinstance(node, nodes.Stored) or nodes.is_link(node):
        return trees[node.inputs[0].mark]
    operator = node.operator.name
    above = {
        "input" if len(node.inputs) == 1 else f"input {index}": trees[each.mark]
        for index, each in enumerate(node.inputs)
    }
    data: dict[str, Tree] = {}
    if isinstance(node, nodes.Source) and node.data is not None:
        data.update(_data_trees(node.data, session))
    parts = dict(_own_parts(node, trees, config, session))
    # Asked for once: it is looked up through all nodes above.
    parallelism = str(node.parallelism)
    named = leaf("operator", operator)
    digest = branch(
        "node",
        named,
        leaf("partitions", parallelism),
        *(replace(tree, name=role) for role, tree in (above | data | parts).items()),
    ).digest
    chain = branch(
        "chain",
        named,
        *(Tree(role, tree.chain) for role, tree in above.items()),
        *(replace(tree, name=role) for role, tree in parts.items()),
    ).digest
    if isinstance(node, nodes.Zip) and node.is_behind:
        # What comes behind one another depends on each by itself: its partitions say on which.
        chain = named.digest
    partitions = leaf("partitions", parallelism, shown=parallelism)
    own = own_mark(operator.encode())
    children = (*above.values(), *data.values(), *parts.values(), partitions)
    return Tree(nodes.described(node), digest, None, children, own, OPERATOR, chain=chain)


def _own_parts(
    node: nodes.Node, trees: Mapping[nodes.Mark, Tree], config: Mapping[str, Any], session: Session
) -> Iterator[tuple[str, Tree]]:
    """Trees of what a node is by itself, by role: functions, parameters, side inputs, files."""
    for role, function in node.functions.items():
        yield role, _function_tree(function, config, session, node.name, node.operator.name)
    for name, value in node.params.items():
        said = f"parameter {name}"
        yield said, fingerprint_tree(value, said, session=session)
    for name, stored in sorted(node.sides.items()):
        yield f"side input {name}", trees[stored.mark]
    if node.files is not None:
        yield "files", files_tree(node.files)


def _data_trees(data: nodes.SourceData, session: Session) -> Iterator[tuple[str, Tree]]:
    """Trees of what a source's data depend on, by role."""
    identity = data.identity()
    if isinstance(identity, Mapping):
        places: Mapping[str, str] = getattr(data, "places", {})
        for name, value in identity.items():
            # There may be ten thousand files.
            is_text = type(value) is str
            tree = (
                leaf(str(name), value)
                if is_text
                else fingerprint_tree(value, str(name), session=session)
            )
            yield str(name), replace(tree, shown=places.get(str(name)))
    else:
        yield "elements", fingerprint_tree(identity, "elements", session=session)


def _function_tree(
    function: UserFunction,
    config: Mapping[str, Any],
    session: Session,
    name: str | None,
    operator: str,
) -> Tree:
    """Tree of a function; one that takes a ``ctx`` sees the configuration and its operator's name."""
    title = f"function {function.label}"
    said = f"{operator} {function.label}"
    if not function.sees_ctx:
        return fingerprint_tree(function.function, title, session=session, said=said)
    tree = fingerprint_tree(function.function, title, config=config, session=session, said=said)
    if name is None:
        return tree
    named = leaf("operator name", name, shown=name)
    return replace(branch("function", tree, named), name=title)
