"""How models are watched, as a table of the configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from node.config.section import Section

#: What an alarm may be about that pauses a plugin; to pause one whose results come late would make them later.
AlarmKind = Literal["scores", "inputs", "embeddings", "abstentions", "subgroups"]


class WatchSettings(Section):
    """Whether models still see and answer what they did; see "Watching the models"."""

    enabled: bool = Field(True, description="Whether models are watched.")
    every_hours: float = Field(24, ge=0.01, le=168, description="So often the newest answers are looked at.")
    window: int = Field(300, ge=20, le=500, description="So many newest answers of a plugin, one for each patient.")
    window_days: float = Field(92, gt=0, description="None of them older than so many days.")
    baseline: int = Field(
        300, ge=20, le=500, description="So many first answers of a plugin's version at this site are its baseline."
    )
    least: int = Field(100, ge=20, le=500, description="With fewer newest answers nothing is said of a plugin.")
    least_of_sender: int = Field(40, ge=10, le=500, description="The same for one sender, maker, or subgroup.")
    alarm_level: float = Field(
        0.001,
        ge=1e-5,
        le=0.1,
        description="Chance of a false alarm at one look at a plugin, all of what it sees and answers together.",
    )
    subgroup_level: float = Field(
        0.001,
        ge=0,
        le=0.1,
        description="The same of rates by sex, age band, view, maker and sender, all together; 0: only told.",
    )
    late_level: float = Field(
        0.001,
        ge=0,
        le=0.1,
        description="Chance of a false alarm of late results at one look, while `in_time_share` is just kept; 0: none.",
    )
    in_time_share: float = Field(
        0.99, gt=0, lt=1, description="Share of results that is to keep `web.result_objective_seconds`."
    )
    alarm_against: Literal["site", "training"] = Field(
        "site", description="What an alarm is a change from: the site's baseline, or the data the model comes from."
    )
    pause_on: tuple[AlarmKind, ...] = Field((), description="New alarms of these kinds pause the plugin.")
    keep_days: float = Field(400, ge=1, description="So long the figures of answers, and of looks, are kept.")
    reports: int = Field(12, ge=0, le=520, description="So many weekly reports stay in `data_dir/reports`; 0: none.")
    report_format: Literal["html", "pdf"] = Field("html", description="What they are.")
