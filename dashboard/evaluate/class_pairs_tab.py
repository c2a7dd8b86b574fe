"""The tab Class pairs: two classes that are confused, in both directions, what distinguishes the misclassified images, borderline images."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.open_image import OPEN
from dashboard.app.page_part import page_part
from dashboard.app.url_state import Parameter, page_parameter
from dashboard.charts.class_pairs import confusion_rates, effect_sizes, positions_between_centres
from dashboard.components.clickable_chart import clickable_chart
from dashboard.components.scored_gallery import CELL_PAGE, PAGE_BACK, scored_gallery, sort_rows
from dashboard.components.scored_run import ScoredRun
from engine.core.address import Choice, Integer, Row
from engine.core.errors import UserError
from engine.data.datasets import Dataset, is_registered, load_dataset
from engine.data.drift import effect
from engine.evaluation import class_pairs

_PAIR: Parameter[tuple[int, int]] = Parameter("between", Row((Integer(4), Integer(4)), "-"), (0, 0))
_AVERAGES = Parameter("looks", Choice(("off", "on")), "off")
_BORDERLINE_PAGE = page_parameter("page_between")
_DRAWN = 8  # pairs
_LISTED = 200
_METHOD = (
    "Effect: Cliff's delta, how much more often an image of the first group has the higher value in random pairs (dotted: small, medium and "
    "large effects), each with Newcombe's 95% interval. Orange: beyond chance (Mann-Whitney test, Holm's correction over all rows). "
    "Properties with the same value in nearly all images are omitted."
)


@page_part(_PAIR, CELL_PAGE, PAGE_BACK, _BORDERLINE_PAGE, _AVERAGES, OPEN)
def class_pairs_tab(scored: ScoredRun) -> None:
    ranked = class_pairs.rank_pairs(scored.confusion)
    if not len(ranked):
        st.success("No image was misclassified.", icon=":material/check_circle:")
        return
    row = _choose_pair(scored, ranked)
    a, b = int(row["a"]), int(row["b"])
    groups = class_pairs.group_images(scored.predictions, a, b)
    _both_directions(scored, row, groups)
    data = load_dataset(scored.run.config.dataset) if is_registered(scored.run.config.dataset) else None
    names = _names(scored, a, b)
    st.subheader("What distinguishes them", anchor=False)
    if data is None:
        st.info("The dataset of this run is gone: its properties and images cannot be shown.", icon=":material/folder_off:")
    else:
        _properties(scored, data, a, b, names)
        _embedding(scored, data, a, b, names)
        _average_gradcam(scored, data, groups, a, b)
    _borderline(scored, a, b)


def _choose_pair(scored: ScoredRun, ranked: pd.DataFrame) -> pd.Series:
    """The row of the ranking that a person chooses, by the chart or by a list that can be searched."""
    classes = scored.classes
    pairs = list(zip(map(int, ranked["a"]), map(int, ranked["b"]), strict=True))
    labels = {
        (a, b): f"{formatting.plain(classes[a])} ⇄ {formatting.plain(classes[b])}: {errors:,}"
        for (a, b), errors in zip(pairs, ranked["errors"], strict=True)
    }

    def choose(customdata: Sequence[int]) -> None:
        # What a browser sends is not trusted.
        if isinstance(customdata[0], int) and customdata[0] < len(pairs):
            _PAIR.request(pairs[customdata[0]])

    left, right = st.columns([2, 3], gap="large")
    with left:
        pair = url_state.choose(st.selectbox, "Pair, by number of errors", _PAIR, pairs[:_LISTED], format_func=labels.__getitem__)
        st.caption(f"{len(ranked):,} of {len(classes) * (len(classes) - 1) // 2:,} class pairs were confused at least once.")
    place = pairs.index(pair)
    with right:
        clickable_chart(confusion_rates(ranked.head(_DRAWN), classes, scored.colours, place), "pairs-ranked", choose)
        st.caption(
            "Share of a class's images that were predicted as the other, with 95% intervals. Click a bar to see that pair."
        )
    return ranked.iloc[place]


def _both_directions(scored: ScoredRun, row: pd.Series, groups: class_pairs.Groups) -> None:
    for place, (panel, true, other) in enumerate(zip(st.columns(2, gap="large"), "ab", "ba", strict=True)):
        errors = scored.table.iloc[groups.a_as_b if true == "a" else groups.b_as_a]
        count, images = int(row[f"{true}_as_{other}"]), int(row[f"{true}_images"])
        names = [f"**{formatting.literal(scored.classes[int(row[side])])}**" for side in (true, other)]
        with panel:
            rate = f": {row[f'{true}_rate']:.1%} ({100 * row[f'{true}_low']:.1f} to {row[f'{true}_high']:.1%})" if images else ""
            st.markdown(f"**{count:,} of {images:,}** {names[0]} taken for {names[1]}{rate}")
            scored_gallery(
                scored, sort_rows(errors, "loss"), f"direction-{place}", scope=f"{row['a']}-{row['b']}", size="S", most=12,
                page=(CELL_PAGE, PAGE_BACK)[place], empty="There are no errors in this direction.",
            )  # fmt: skip


def _names(scored: ScoredRun, a: int, b: int) -> dict[str, str]:
    one, other = (formatting.plain(scored.classes[place]) for place in (a, b))
    return {
        "a_right": f"{one} recognised", "a_as_b": f"{one} taken for {other}",
        "b_as_a": f"{other} taken for {one}", "b_right": f"{other} recognised",
    }  # fmt: skip


def _properties(scored: ScoredRun, data: Dataset, a: int, b: int, names: Mapping[str, str]) -> None:
    differences = cache.class_differences(scored.run, scored.split, data, a, b)
    if not len(differences):
        st.caption(
            f"Too few images to compare their properties: each group needs at least {class_pairs.FEWEST} with measured properties."
        )
        return
    sentences = class_pairs.sentences(differences, names)
    for sentence in sentences:
        st.markdown(formatting.literal(sentence))
    if not sentences:
        st.markdown(
            f"No measured property differs beyond chance between these groups. "
            f"With so many images a difference of up to {class_pairs.undetected_delta(differences):.2f} "
            f"({effect(class_pairs.undetected_delta(differences))}) can go unseen."
        )
    compared = [
        pair for pair in class_pairs.COMPARISONS if ((differences["first"] == pair[0]) & (differences["second"] == pair[1])).any()
    ]
    for place, (panel, (first, second)) in enumerate(zip(st.columns(len(compared), gap="medium"), compared, strict=True)):
        with panel:
            st.markdown(formatting.literal(f"{names[first]} against {names[second]}"))
            clickable_chart(
                effect_sizes(differences[(differences["first"] == first) & (differences["second"] == second)]),
                f"pair-effects-{place}",
            )
    st.caption(_METHOD)


def _embedding(scored: ScoredRun, data: Dataset, a: int, b: int, names: Mapping[str, str]) -> None:
    along = cache.positions_between(scored.run, scored.split, data, a, b)
    if along is None:
        st.caption("How near the images lie in the embedding is shown once this dataset's map has been drawn.")
        st.page_link("../../pages/explore.py", label="Compute the map: Similarity map", icon=":material/scatter_plot:")
        return
    if not along or not any(map(len, along.values())):
        st.caption(
            "The images of these classes have no embedding of their present content. Compute the map anew on the page Explore."
        )
        return
    one, other = (scored.classes[place] for place in (a, b))
    tints = {
        "a_right": scored.colours[one],
        "a_as_b": scored.colours[one],
        "b_as_a": scored.colours[other],
        "b_right": scored.colours[other],
    }
    clickable_chart(positions_between_centres(along, names, tints, (one, other)), "pair-line")
    st.caption(
        "Where each image lies between the mean embeddings of the two classes' training images, by a network that never learned these "
        "classes. Mistaken images near the other centre look like that class to it. Of those near their own class this view "
        "does not say why they were mistaken."
    )


def _average_gradcam(scored: ScoredRun, data: Dataset, groups: class_pairs.Groups, a: int, b: int) -> None:
    """Draw mean images and mean Grad-CAM maps of both directions, on request: they take some seconds."""
    if not data.has_images or not (len(groups.a_as_b) or len(groups.b_as_a)):
        return
    choice = url_state.choose(
        st.segmented_control, "Average Grad-CAM", _AVERAGES, format_func="Average Grad-CAM {}".format,
        label_visibility="collapsed",
    )  # fmt: skip
    if choice == "off":
        st.caption(
            f"Where the network looks in the misclassified images on average, over up to {cache.MAX_AVERAGED} of each direction."
        )
        return
    columns = st.columns(6)
    for first, places, classes in ((0, groups.a_as_b, (b, a)), (3, groups.b_as_a, (a, b))):
        worst = sort_rows(scored.table.iloc[places], "loss").head(cache.MAX_AVERAGED)
        if not len(worst):
            continue
        try:
            with columns[first], st.spinner("Computing attention maps"):
                mean, maps, n = cache.average_heatmaps(
                    scored.run, data, tuple(worst["content"]), tuple(worst["image_id"].tolist()), classes
                )
        except UserError as error:
            columns[first].error(formatting.literal(str(error)), icon=":material/error:")
            continue
        if mean is None:
            columns[first].caption("The images have changed or are missing.")
            continue
        shown, other = (formatting.literal(scored.classes[place]) for place in classes)
        columns[first].image(mean, caption=f"Mean of {n} {other} taken for {shown}", width="stretch")
        for column, heatmap, place in zip(columns[first + 1 :], maps, classes, strict=False):
            column.image(heatmap, caption=f"Evidence for {formatting.literal(scored.classes[place])}", width="stretch")
    st.caption(
        "The photos are not aligned, so an average can show a common position only. Bright bars along the borders are usually made by "
        "the padding of the convolutions, not by what is in the photos."
    )


def _borderline(scored: ScoredRun, a: int, b: int) -> None:
    st.subheader("Borderline images", anchor=False)
    rows = class_pairs.borderline_images(scored.predictions, a, b)
    wrong = (rows["true"] != rows["predicted"]).sum()
    one, other = (formatting.literal(scored.classes[place]) for place in (a, b))
    st.markdown(
        f"**{len(rows):,}** images of {one} and {other} had these two classes as their top two, **{wrong:,}** of them wrong. "
        "Smallest margin first."
    )
    scored_gallery(
        scored, rows, "borderline", scope=f"{a}-{b}", page=_BORDERLINE_PAGE, most=24,
        empty="There are no borderline images between these two classes.",
        notes=lambda row: [f"margin {row.margin:.1%}"],
    )  # fmt: skip
