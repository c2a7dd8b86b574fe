// What the components keep on the window: each mount may import its module anew.

interface Plotly {
  react(plot: HTMLElement, data: object[], layout: object, config: object): void
  purge(plot: HTMLElement): void
}

interface Window {
  Plotly?: Plotly
  scenescopePlotly?: Promise<Plotly>
  scenescopeReports?: Map<string, import("./components/channel.ts").Channel<unknown>>
  scenescopeScroll?: { count?: number }
  scenescopeTabFocus?: { tab: HTMLElement | null; listening: boolean }
  scenescopeBack?: {
    /** The last change was set off by a person. */
    byHand: boolean
    /** Of the newest message. */
    time: number
    /** A step back or forward that Python has not answered. */
    step: BackStep | null
    /** The address after the image that is being closed, until the browser has stepped back from it. */
    closing: URL | null
    /** The browser's own pushState, which Streamlit does not reach any more. */
    push?: History["pushState"]
    send?: (step: BackStep) => void
  }
}

interface BackStep {
  id: string
  path: string
  search: string
}
