import type { Layout } from './layouts.js'

/**
 * One function of the catalogue. `address`: whether its frames carry an address field (facts §2.4); `either`: seen with and without.
 * `answer`: what the module answers to it: data of the same function, only 00F1, or nothing because it is an answer itself. Any
 * request may be answered by 00F2. `down`, `up`: the data unit in that direction, null: there is none.
 */
export interface Entry {
  readonly afn: number
  readonly fn: number
  readonly address: 'none' | 'required' | 'either'
  readonly answer: 'data' | 'confirm' | 'none'
  readonly down: Layout<object> | null
  readonly up: Layout<object> | null
}

type Both<D extends object, U extends object> = Entry & { readonly down: Layout<D>; readonly up: Layout<U> }
type Down<D extends object> = Entry & { readonly down: Layout<D>; readonly up: null }
type Up<U extends object> = Entry & { readonly down: null; readonly up: Layout<U> }

/** A request that is answered by data of the same function. */
export function asked<D extends object, U extends object>(afn: number, fn: number, down: Layout<D>, up: Layout<U>): Both<D, U> {
  return { afn, fn, address: 'none', answer: 'data', down, up }
}

/** A request that is only confirmed. */
export function ordered<D extends object>(afn: number, fn: number, down: Layout<D>): Down<D> {
  return { afn, fn, address: 'none', answer: 'confirm', down, up: null }
}

/** What a module reports of itself; the concentrator confirms it. */
export function reported<U extends object>(afn: number, fn: number, up: Layout<U>): Up<U> {
  return { afn, fn, address: 'none', answer: 'none', down: null, up }
}

/** Data of an exchange that the module opens: it asks `up`, the concentrator answers `down`. */
export function answered<D extends object, U extends object>(
  afn: number,
  fn: number,
  down: Layout<D>,
  up: Layout<U>,
): Both<D, U> {
  return { afn, fn, address: 'none', answer: 'none', down, up }
}

/** The same function, of frames that carry a meter's address. */
export function addressed<E extends Entry>(entry: E): E {
  return { ...entry, address: 'required' }
}
