"""The report that the demo leaves: one page that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import geopandas as gpd
import jinja2
import pandas as pd

from extremeearth import __version__
from extremeearth.app.demo.flow import Step, StepOutcome
from extremeearth.app.demo.food_security import plots
from extremeearth.core.files import write_atomic

__all__ = ["write_report"]

TITLE = "Food security: from Sentinel-2 to answers"
CREDITS = (
    "Contains modified Copernicus Sentinel data 2018. Fields, parcels and weather: WorldCrops (MIT). Crop taxonomy: "
    "EuroCrops HCAT (CC BY-SA 4.0, Schneider et al.). Boundaries: Natural Earth (public domain)."
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One section of the page."""

    title: str
    text: str
    figures: Mapping[str, str] = field(default_factory=dict)
    """Drawings by their captions."""
    table: Mapping[str, Any] | None = None
    code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the sections show; read from the files that the steps left."""

    out: Path
    results: Mapping[int, dict[str, Any]] = field(default_factory=dict)

    def table(self, name: str) -> Any:
        """Read one of the GeoParquet files of the output folder."""
        return gpd.read_parquet(self.out / name)


def write_report(
    out: Path, steps: Sequence[Step], outcomes: Sequence[StepOutcome], *, real_data: bool
) -> Path:
    """Write ``report.html`` into the output folder.

    Returns
    -------
    Path
        The page.
    """
    found = Findings(out=out, results={o.event: dict(o.result) for o in outcomes})
    rows = [
        asdict(o) | {"seconds": f"{o.seconds:.1f}", "told": s.told(o.result)}
        for s, o in zip(steps, outcomes, strict=True)
    ]
    blocks = [
        _crops(found),
        _models(found),
        _leaf_area(found),
        _water(found),
        _links(found),
        _question(found),
    ]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(
        package_files("extremeearth.app.demo.food_security")
        .joinpath("templates/report.html")
        .read_text()
    )
    page = template.render(
        title=TITLE,
        lead=_lead(found),
        real_data=real_data,
        steps=rows,
        blocks=blocks,
        credits=CREDITS,
        version=__version__,
        files=sorted(
            p.name
            for p in out.iterdir()
            if p.is_file() and p.suffix != ".html" and not p.name.startswith(".")
        ),
    )
    write_atomic(out / "report.html", page)
    return out / "report.html"


def _lead(found: Findings) -> str:
    ingest, learn, question = found.results[2], found.results[4], found.results[8]
    return (
        f"{ingest['parcels']} declared parcels and {ingest['cubes']} fields north of Freising in one season: "
        "which crop grows where, "
        f"how sure we are (macro-F1 {learn['network']['macro_f1']:.2f} on parcels the network had not seen), "
        "how much water the "
        f"fields need, and what linked data says about it ({question['rows']} rows from two endpoints)."
    )


def _crops(found: Findings) -> Block:
    features = found.table("crop-map.parquet")
    legend = json.loads((found.out / "legend.json").read_text())
    same = "equal" if found.results[7]["maps_equal"] else "NOT equal"
    return Block(
        title="Crop types",
        text="Each declared parcel in the colour of the crop that the network sees. The map of the embedded "
        "model and the map of the "
        f"online model are {same}, pixel by pixel and parcel by parcel. The model was trained on these parcels "
        "too: read the accuracy below, "
        "not the agreement here.",
        figures={"Predicted crop of each parcel.": plots.crop_map(features, legend)},
    )


def _models(found: Findings) -> Block:
    evaluation = json.loads((found.out / "evaluation.json").read_text())
    network = evaluation["models"][evaluation["network"]]
    unseen = found.table("predictions.parquet")
    scores = {name: evaluation["models"][name] for name in evaluation["models"]}
    return Block(
        title="How good the network is",
        text="Both models are trained and tested on the same spatial folds: whole blocks of "
        "ground, and no parcel within 10 m of a tested one is trained on. "
        f"Overall accuracy {network['overall_accuracy']:.2f}, expected calibration error "
        f"{network['calibration_error']:.3f}. The map shows where the prediction of a parcel by networks that "
        "had not seen it "
        "differs from the farmer's declaration.",
        figures={
            "Macro-F1 of both models, with its 95 % interval.": plots.score_bars(scores),
            "How often the network is right, against how sure it is.": plots.reliability(
                network["reliability"]
            ),
            "Parcels by declared and predicted crop.": plots.confusion_matrix(
                network["confusion"], evaluation["classes"]
            ),
            "Parcels whose predicted crop differs from the declared one.": plots.disagreement_map(
                unseen, unseen["predicted_class"] != unseen["declared_class"]
            ),
        },
    )


def _leaf_area(found: Findings) -> Block:
    table = pd.read_parquet(found.out / "lai-fields.parquet")
    curves = {
        str(name): group.set_index("date")["lai"].dropna().sort_index()
        for name, group in table.groupby("field")
    }
    crops = dict(zip(table["field"], table["crop"], strict=True))
    return Block(
        title="Leaf area index",
        text="Mean of each trial field on each clear date, retrieved from Sentinel-2 L2A by our own network, "
        "which was trained on simulated "
        "canopy spectra. No leaf area was measured on these fields, so this has not been validated here.",
        figures={"Mean leaf area index of each field.": plots.lai_curves(curves, crops)},
    )


def _water(found: Findings) -> Block:
    daily = pd.read_parquet(found.out / "water-fields-daily.parquet")
    totals = found.table("water-fields.parquet").sort_values("irrigation_mm", ascending=False)
    neediest = totals.iloc[0]
    rows = [
        [
            row.name_,
            row.crop,
            round(row.etc_mm),
            round(row.rain_mm),
            round(row.irrigation_mm),
            round(row.lai_max, 1),
        ]
        for row in totals.rename(columns={"name": "name_"}).head(8).itertuples()
    ]
    return Block(
        title="Water",
        text="Reference evapotranspiration (FAO-56 Penman-Monteith), crop evapotranspiration from leaf area, "
        "soil water balance and irrigation "
        f"need per field and day, from the real weather. Shown: {neediest['name']}, the field with the largest need.",
        figures={
            f"Soil water of {neediest['name']}, day by day.": plots.water_balance(
                daily[daily["feature_id"] == neediest["feature_id"]]
            )
        },
        table={
            "columns": [
                "field",
                "crop",
                "crop ET (mm)",
                "rain (mm)",
                "irrigation need (mm)",
                "largest LAI",
            ],
            "rows": rows,
        },
    )


def _links(found: Findings) -> Block:
    result = found.results[5]
    return Block(
        title="Linked data",
        text=f"{result['triples']} triples from {result['mapped_rows']} rows by an RML mapping, "
        f"{result['links']} topological links of parcels "
        "with farm fields and countries by DE-9IM, and the crop taxonomy and boundaries in a graph of their own.",
        table={
            "columns": ["relation", "links"],
            "rows": [list(pair) for pair in result["links_by_relation"].items()],
        },
    )


def _question(found: Findings) -> Block:
    answer = pd.read_csv(found.out / "answer.csv")
    same = "equal" if found.results[8]["rows_equal_union"] else "DIFFER from"
    return Block(
        title="A question over two endpoints",
        text="For each crop group of HCAT: number and area of the parcels in the region where the predicted "
        "crop differs from the declared one "
        "(prediction by networks that had not seen the parcel). Parcels come from the store, taxonomy and "
        "boundaries from a second "
        f"endpoint; the rows {same} those of the same query over the union of both graphs.",
        table={"columns": list(answer.columns), "rows": answer.round(3).to_numpy().tolist()},
        code=(found.out / "question.rq").read_text(),
    )
