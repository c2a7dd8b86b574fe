/** The reports of a component under one name. */
export type Channel<T> = {
  /** Of the last report. */
  revision: number
  /** Number of the last report that Python took. */
  taken: number
  /** Those that Python had not taken when the last one was made, and that one. */
  reports: Report<T>[]
  send: (reports: Report<T>[]) => void
}

export type Report<T> = { value: T; revision: number }
