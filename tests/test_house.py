"""Tests of the architecture: the rooms of the package, their floors, and who may import what (see README.md)."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMANDS = ("audit", "cache", "compare", "predict", "reproduce", "train")
# From the bottom to the top. A room is a folder of ndsc/, a module beside them, or hydra_plugins/.
FLOORS = (
    ("ndsc", "errors", "process", "seeds", "startup", "terminal"),
    ("caching",),
    ("config", "evaluation", "sample", "storage"),
    ("data",),
    ("duplicates", "model"),
    ("features",),
    ("tracking", "training"),
    ("auditing", "comparison", "run_reporter"),
    ("experiment", "preflight"),
    ("sweeps",),
    (*COMMANDS, "hydra_plugins"),
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS, 1) for room in rooms}
CLAUSE = re.compile(r"(What|Who|Whether|How|Which|Where|When|Why)\b")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {name_of(path): path for top in ("ndsc", "hydra_plugins") for path in (ROOT / top).rglob("*.py")}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def room_of(module: str) -> str:
    top, *rest = module.split(".")
    return rest[0] if top == "ndsc" and rest else top


def imported_names(module: str) -> Iterator[str]:
    """Yield everything that a module imports anywhere, as dotted names: modules, and names from modules."""
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def imported_modules(module: str) -> set[str]:
    """Return the modules of this project that a module imports."""
    found = {name if name in TREES else name.rpartition(".")[0] for name in imported_names(module)}
    return (found & TREES.keys()) - {module}


GRAPH = {module: imported_modules(module) for module in TREES}


def test_every_module_belongs_to_a_known_room() -> None:
    assert {room_of(module) for module in TREES} == FLOOR_OF.keys()


def test_imports_point_to_lower_floors_or_stay_in_their_room() -> None:
    wrong = [
        f"{module} (floor {FLOOR_OF[room_of(module)]}) imports {other} (floor {FLOOR_OF[room_of(other)]})"
        for module, others in sorted(GRAPH.items())
        for other in sorted(others)
        if room_of(module) != room_of(other) and FLOOR_OF[room_of(module)] <= FLOOR_OF[room_of(other)]
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter(GRAPH).prepare()  # raises CycleError with the modules of the circle


def test_only_tracking_imports_mlflow() -> None:
    importers = [module for module in TREES if any(name.split(".")[0] == "mlflow" for name in imported_names(module))]
    assert {room_of(module) for module in importers} == {"tracking"}


def test_only_data_imports_the_sample() -> None:
    importers = [module for module, others in GRAPH.items() if "sample" in map(room_of, others)]
    assert {room_of(module) for module in importers} - {"sample"} == {"data"}


def test_only_commands_preflight_experiment_and_config_use_the_whole_config() -> None:
    allowed = {*COMMANDS, "preflight", "experiment", "config"}
    importers = [module for module in TREES if "ndsc.config.schema.Config" in imported_names(module)]
    assert [module for module in importers if room_of(module) not in allowed] == []


def test_no_module_docstring_is_a_clause() -> None:
    docstrings = {module: ast.get_docstring(tree) or "" for module, tree in TREES.items()}
    assert {module: text for module, text in docstrings.items() if CLAUSE.match(text)} == {}
