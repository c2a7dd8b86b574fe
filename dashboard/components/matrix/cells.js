// What a cell is called and what it says.

/** @import { Board, Place } from "./types.ts" */

/**
 * A selected thing as text, by the classes' numbers: "3-2" is a cell, "3-" a row, "-2" a column.
 * @param {Board} board
 * @param {Place} place
 */
export function tokenOf({ data }, [row, column]) {
  return `${row < 0 ? "" : data.ids[row]}-${column < 0 ? "" : data.ids[column]}`
}

/**
 * The share of a cell in its row or column.
 * @param {Board} board
 * @param {Place} place
 * @param {"row" | "column"} unit
 */
export function shareOf({ counts, data, n }, [row, column], unit) {
  const total = unit === "row" ? data.totals[0][row] : data.totals[1][column]
  return total ? counts[row * n + column] / total : 0
}

/** The cell in words: its count, its share of the row and of the column, "" for an empty one. @param {Board} board @param {Place} place */
export function describeCell(board, [row, column]) {
  const { data, n, counts, limits } = board
  const i = row * n + column
  const [rowName, columnName] = [data.names[row], data.names[column]]
  const isDiagonal = data.ids[row] === data.ids[column]
  const [before, between, after] = isDiagonal ? data.say.same : data.say.other
  /** @param {0 | 1} axis */
  const describeShare = axis => {
    const total = data.totals[axis][axis ? column : row]
    if (!total) return ""
    const [low, high] = [0, 1].map(end => (limits[(axis * 2 + end) * n * n + i] / 100).toFixed(1))
    const value = (100 * shareOf(board, [row, column], axis ? "column" : "row")).toFixed(1)
    return `${value}% (${low} to ${high}%) of ${total.toLocaleString("en")} images ${data.say.groups[axis]} ${axis ? columnName : rowName}`
  }
  const subject = `${before}${rowName}${between}${isDiagonal ? "" : columnName}${after}`
  return [`${subject}: ${counts[i].toLocaleString("en")}`, describeShare(0), describeShare(1)]
}
