import copy
import socket

import pytest

from ssl_lib.paths import cache_root, data_root, repository
from ssl_lib.publishing import normalise
from ssl_lib.publishing.normalise import normalised, scrubbed
from ssl_lib.publishing.notebooks import dumped


@pytest.fixture(autouse=True)
def fresh_places():
    normalise._places.cache_clear()
    yield
    normalise._places.cache_clear()


def executed(kit, address="0x7f0011223344", clock="12:01:59"):
    """Return a notebook as papermill leaves it after an error in its last cell."""
    made = copy.deepcopy(
        kit.notebook("x", kit.cell("code", "one", "thing"), kit.cell("code", "two", "f()"))
    )
    for cell in made["cells"]:
        cell["metadata"] |= {"papermill": {"start_time": clock}, "execution": {"t": clock}}
    injected = kit.cell("code", "injected", "seed = 7", "injected-parameters")
    banner = kit.cell("markdown", "banner", "<b>error</b>", "papermill-error-cell-tag")
    made["cells"][3:3] = [injected, banner]
    made["metadata"]["papermill"] = {"duration": 3.2}
    made["metadata"]["language_info"]["version"] = "3.11.7"
    *_, one, two = made["cells"]
    for count, cell in enumerate((made["cells"][1], made["cells"][2], injected, one, two), 1):
        cell["execution_count"] = count
    one["outputs"] = [
        {"output_type": "stream", "name": "stderr", "text": "warning: old\n"},
        {"output_type": "stream", "name": "stdout", "text": [f"at 2026-01-02T{clock}\n", "done"]},
        {
            "output_type": "execute_result",
            "execution_count": 4,
            "data": {"text/plain": f"<A at {address}>", "image/svg+xml": "<svg d='0x123456789'/>"},
            "metadata": {"papermill": 1},
        },
    ]
    two["outputs"] = [
        {
            "output_type": "error",
            "ename": "E",
            "evalue": f"in {data_root()}/a.csv",
            "traceback": [f"\x1b[31mCell In[5], line 1\x1b[0m {cache_root()}/x.py"],
        }
    ]
    return made


def test_papermill_leaves_no_trace(kit):
    clean = normalised(executed(kit), {"seed": 7})
    assert "papermill" not in dumped(clean)
    assert [cell["id"] for cell in clean["cells"]] == [
        "title",
        "install",
        "parameters",
        "one",
        "two",
    ]
    assert clean["metadata"]["language_info"] == {"name": "python"}


def test_visible_parameters_are_those_used(kit):
    clean = normalised(executed(kit), {"seed": 7, "profile": "smoke"})
    assert clean["cells"][2]["source"].startswith('profile = "smoke"  # how large\nseed = 7\n')


def test_counts_and_tracebacks_are_numbered_without_the_injected_cell(kit):
    *_, one, two = normalised(executed(kit), {})["cells"]
    assert (one["execution_count"], two["execution_count"]) == (3, 4)
    assert one["outputs"][-1]["execution_count"] == 3
    assert two["outputs"][0]["traceback"] == ["Cell In[4], line 1 <cache>/x.py"]
    assert two["outputs"][0]["evalue"] == "in <data>/a.csv"


def test_outputs_do_not_tell_machine_or_moment(kit):
    now = normalised(executed(kit), {})
    later = normalised(executed(kit, address="0x55aa66bb7700", clock="23:59:00"), {})
    assert dumped(now) == dumped(later)
    outputs = now["cells"][3]["outputs"]
    assert [output["output_type"] for output in outputs] == ["stream", "execute_result"]
    assert outputs[0]["text"] == "at <time>\ndone"
    assert outputs[1]["data"]["text/plain"] == "<A at 0x…>"
    assert "0x123456789" in outputs[1]["data"]["image/svg+xml"], "pictures are left alone"


def test_normalising_twice_changes_nothing(kit):
    once = normalised(executed(kit), {"seed": 7})
    assert normalised(once, {"seed": 7}) == once


def test_places_and_host_have_names():
    root = repository()
    assert root is not None
    assert scrubbed(f"{root}/a.py") == "<repository>/a.py"
    assert scrubbed("/tmp/ipykernel_12/345.py:3") == "<cell>:3"
    host = socket.gethostname()
    if (host, "<host>") in normalise._names():
        assert scrubbed(f"on {host}.") == "on <host>."


@pytest.mark.parametrize("text", ["ratio 1:2", "0x1f", "12 % of 2,510", "C1: 3.5"])
def test_ordinary_numbers_stay(text):
    assert scrubbed(text) == text
