"""The settings of the worker processes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from node.config.section import Seconds, Section


class WorkerSettings(Section):
    """The processes that decode and classify."""

    processes: int = Field(
        1,
        ge=1,
        le=64,
        description="Worker processes. One for each core, with one thread each, work off more studies; one alone with "
        "a thread for each core has a single study done sooner.",
    )
    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?)$", description="cpu, cuda or cuda:N.")
    engine: Literal["auto", "onnxruntime", "openvino", "torch"] = Field(
        "auto",
        description="What runs the networks on a CPU; auto: the fastest that is installed and gives the same answers. "
        "A network without an ONNX graph runs with torch.",
    )
    threads: int = Field(2, ge=1, le=256, description="CPU threads of one worker.")
    batch: int = Field(8, ge=1, le=1024, description="Analyses of one plugin taken together.")
    memory_mb: int = Field(8192, ge=1024, description="Address space a worker may use, MiB.")
    start_seconds: Seconds = Field(120, description="Time a worker has to load its plugins.")
    decode_seconds: Seconds = Field(120, description="Time for decoding and reporting, beside the plugin's own limit.")
    pause_after_crashes: int = Field(
        3,
        ge=0,
        description="So many analyses in a row that made a worker crash or hang pause their plugin; 0: never.",
    )
    max_pixels: int = Field(
        1 << 30, ge=1 << 16, description="Largest declared size of one object's pixels, samples over all frames."
    )
    plugins: tuple[str, ...] = Field((), description="Plugins to load; empty: all that are installed.")
    silent: bool | tuple[str, ...] = Field(
        False,
        description="Plugins that are new here, or whose model is another one, begin silent: all (true), or these; "
        "`radnode plugins go-live NAME` ends it.",
    )
    pins: dict[str, str] = Field(
        {},
        description="Plugin = sha256 of its package; `radnode plugins add` writes them to `plugins.lock`, beside this.",
    )
    unconfined: bool = Field(
        False, description="Workers may use the network and any file: for plugins that cannot do without."
    )
