"""What all figures share: height, margins, no background, no zoom, and the look of axes and panel titles.

The figures carry no text colour but INK and no background, so that `st.plotly_chart(figure, config=CONFIG)` gives both themes theirs;
lines and bars keep to colours that show on either. Labels stand at the data instead of in a legend. Nothing zooms or pans: a finger
on a chart scrolls the page.
"""

from collections.abc import Sequence

import plotly.graph_objects as go

CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "showTips": False}

SMALL = 12
TEXT = 13
GRID = "rgba(128, 134, 144, 0.22)"
CLEAR = "rgba(0, 0, 0, 0)"

# Streamlit's frontend puts its darkest text grey of the theme in force in place of this one (GRAY_90 in its plotly theme; a
# test holds the two together). Its own choice for charts, #808495, stays under 4:1 on white.
INK = "#000037"


def escape_markup(name: str) -> str:
    """Return a name escaped for plotly, which reads <b>, <a> and & in any text as markup."""
    return name.replace("&", "&amp;").replace("<", "&lt;")


def layout(figure: go.Figure, height: int, top: int = 8, bottom: int = 8, left: int = 8, right: int = 8) -> go.Figure:
    """Give a figure its height, tight margins, no background, no legend and no zoom."""
    figure.update_layout(
        height=height,
        margin={"t": top, "b": bottom, "l": left, "r": right},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        showlegend=False,
        dragmode=False,
        hovermode="closest",
        font={"size": TEXT, "color": INK},
        hoverlabel={"font": {"size": TEXT, "color": INK}},
        bargap=0.3,
    )
    axes = {"fixedrange": True, "automargin": True, "tickfont_color": INK, "title_font_color": INK}
    figure.update_xaxes(axes)
    figure.update_yaxes(axes)
    return figure


def class_axis(figure: go.Figure, names: Sequence[str], grid: bool = False) -> None:
    """Put the classes on the y axis, the first on top, with their full names."""
    names = list(names)
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=names, tickvals=names, range=[len(names) - 0.5, -0.5],
        showgrid=grid, gridcolor=GRID, zeroline=False, ticks="", ticklabelstandoff=6, tickfont={"size": TEXT},
    )  # fmt: skip


def subtitles(figure: go.Figure) -> None:
    """Align the panels' titles with the left edge of their plot."""
    titles = [note for note in figure.select_annotations() if note.yref == "paper"]
    for axis, title in zip(figure.select_xaxes(), titles, strict=False):
        title.update(x=axis.domain[0], xanchor="left", align="left", yshift=6, font={"size": TEXT, "color": INK})


def shorten(name: str, length: int = 12) -> str:
    """Return a name of at most `length` characters, cut in the middle: "class 17" and "class 18" differ at the end."""
    head = length // 2
    return name if len(name) <= length else f"{name[:head]}…{name[-(length - head - 1) :]}"


def row_axis(figure: go.Figure, names: Sequence[str], longest: int = 18) -> None:
    """Label the rows 0, 1, ... of the y axis, the first on top. By number, since two names may be the same once they are cut."""
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=[escape_markup(shorten(name, longest)) for name in names],
        range=[len(names) - 0.5, -0.5], showgrid=False, zeroline=False, ticks="", ticklabelstandoff=6,
        tickfont={"size": TEXT if len(names) <= 24 else SMALL},
    )  # fmt: skip
