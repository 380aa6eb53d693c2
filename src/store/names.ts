import { FaultError } from '../model/index.js'
import { parseShape, positionsOf } from './point-shape.js'
import type { PointShape } from './point-shape.js'

/** Names of one database at most; past this the site invents names faster than it reads meters, and points are refused. */
export const NAMES_MAX = 200_000

export type NameKind = 'meter' | 'task' | 'shape' | 'boot'
export interface Name {
  readonly id: number
  readonly kind: NameKind
  readonly text: string
}

/** The dictionary of long texts that points repeat. Numbers are never reused; new names become lasting with the commit that uses them. */
export class Names {
  readonly #ids = new Map<string, number>()
  readonly #texts = new Map<number, string>()
  readonly #shapes = new Map<number, PointShape>()
  readonly #positions = new Map<number, readonly boolean[]>()
  #fresh: Name[] = []
  #next = 1

  constructor(stored: Iterable<Name> = []) {
    for (const name of stored) this.#keep(name)
  }

  /** The number of a name, a new one for a new name. */
  idOf(kind: NameKind, text: string): number {
    const known = this.#ids.get(key(kind, text))
    if (known !== undefined) return known
    if (this.#ids.size >= NAMES_MAX) throw new FaultError('store-names-full', `more than ${NAMES_MAX} names in the store`)
    const name = { id: this.#next, kind, text }
    this.#keep(name)
    this.#fresh.push(name)
    return name.id
  }

  /** The number of a known name; null when nothing was ever stored under it. */
  find(kind: NameKind, text: string): number | null {
    return this.#ids.get(key(kind, text)) ?? null
  }

  /** @throws RangeError for a number that was never given: the row that names it is damaged */
  textOf(id: number): string {
    const text = this.#texts.get(id)
    if (text === undefined) throw new RangeError(`the dictionary has no name ${id}`)
    return text
  }

  shapeOf(id: number): PointShape {
    let shape = this.#shapes.get(id)
    if (shape === undefined) {
      shape = parseShape(this.textOf(id))
      this.#shapes.set(id, shape)
    }
    return shape
  }

  /** For each stored position of a shape, whether it holds text. */
  textPositionsOf(id: number): readonly boolean[] {
    let positions = this.#positions.get(id)
    if (positions === undefined) {
      positions = positionsOf(this.shapeOf(id)).map(({ isText }) => isText)
      this.#positions.set(id, positions)
    }
    return positions
  }

  /** Names given since the last commit. */
  get fresh(): readonly Name[] {
    return this.#fresh
  }

  committed(): void {
    this.#fresh = []
  }

  /** The transaction that used them failed: their numbers are free again. */
  rolledBack(): void {
    for (const name of this.#fresh) {
      this.#ids.delete(key(name.kind, name.text))
      this.#texts.delete(name.id)
      this.#shapes.delete(name.id)
      this.#positions.delete(name.id)
      this.#next = Math.min(this.#next, name.id)
    }
    this.#fresh = []
  }

  #keep(name: Name): void {
    this.#ids.set(key(name.kind, name.text), name.id)
    this.#texts.set(name.id, name.text)
    this.#next = Math.max(this.#next, name.id + 1)
  }
}

function key(kind: NameKind, text: string): string {
  return `${kind} ${text}`
}
