// The editor around the page: messages to it and from it, and what is kept over a reload.

interface Api<State> {
  postMessage(message: unknown): void;
  getState(): State | undefined;
  setState(state: State): void;
}

declare function acquireVsCodeApi<State>(): Api<State>;

export interface Host<In, Out, State> {
  say(message: Out): void;
  keep(state: State): void;
  kept(): State | undefined;
  hear(listener: (message: In) => void): void;
}

export function host<In, Out, State>(): Host<In, Out, State> {
  const api = acquireVsCodeApi<State>();
  return {
    say: (message) => api.postMessage(message),
    keep: (state) => api.setState(state),
    kept: () => api.getState(),
    hear: (listener) => window.addEventListener("message", (event) => listener(event.data as In)),
  };
}
