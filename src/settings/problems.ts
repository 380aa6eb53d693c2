import type { z } from 'zod'
import { countText, type InputError } from '../model/index.js'

/** Way to a value inside a document: keys and list positions. */
export type Path = readonly (string | number)[]

/** A document that was read, and how to name a place in it. */
export interface Source {
  readonly root: unknown
  /** `file:line:key` for a file, the key alone for an order's body. */
  at(path: Path): string
  /** False for secrets: their values never stand in an error. */
  readonly showsValues: boolean
}

/** Problems beyond this are counted, not listed. */
export const problemsMax = 200
const shownMax = 60

/** Gathers everything that is wrong, so that a technician mends it in one go. */
export class Problems {
  readonly #list: InputError[] = []
  #more = 0

  get list(): readonly InputError[] {
    if (this.#more === 0) return this.#list
    return [
      ...this.#list,
      {
        code: 'more-problems',
        at: '',
        message: `${countText(this.#more, 'further problem is', 'further problems are')} not listed`,
      },
    ]
  }

  get isEmpty(): boolean {
    return this.#list.length === 0
  }

  add(code: string, at: string, message: string): void {
    if (this.#list.some((known) => known.at === at && known.message === message)) return
    if (this.#list.length < problemsMax) this.#list.push({ code, at, message })
    else this.#more += 1
  }

  /** The value at `path` as `schema` reads it; undefined, with every problem noted, when it is not that. */
  take<Schema extends z.ZodType>(schema: Schema, source: Source, path: Path = []): z.output<Schema> | undefined {
    const value = valueAt(source.root, path)
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    for (const issue of parsed.error.issues) this.#note(issue, source, path)
    return undefined
  }

  /** Each field of a mapping on its own, so that one bad field hides nothing of the others; a bad one is undefined. */
  takeFields<Shape extends Record<string, z.ZodType>>(shape: Shape, source: Source): Partial<Outputs<Shape>> {
    const fields: Record<string, unknown> = {}
    if (typeof source.root !== 'object' || source.root === null || Array.isArray(source.root)) {
      this.add('bad-value', source.at([]), `expected a mapping with ${Object.keys(shape).join(', ')}`)
      return {}
    }
    for (const key of Object.keys(source.root)) {
      if (!Object.hasOwn(shape, key)) this.add('unknown-key', source.at([key]), unknownKey(Object.keys(shape)))
    }
    for (const [key, schema] of Object.entries(shape)) {
      const value = this.take(schema, source, [key])
      if (value !== undefined) fields[key] = value
    }
    return fields as Partial<Outputs<Shape>>
  }

  /** A list's elements, each on its own, so that one bad element hides nothing of the others. */
  takeEach<Schema extends z.ZodType>(schema: Schema, source: Source, path: Path): readonly Placed<z.output<Schema>>[] {
    const values = valueAt(source.root, path)
    if (!Array.isArray(values)) return []
    return values.flatMap((_, index) => {
      const place = [...path, index]
      const value = this.take(schema, source, place)
      return value === undefined ? [] : [{ value, at: (inner: Path = []) => source.at([...place, ...inner]) }]
    })
  }

  #note(issue: z.core.$ZodIssue, source: Source, path: Path): void {
    const place = [...path, ...issue.path.filter((key) => typeof key !== 'symbol')]
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) this.add('unknown-key', source.at([...place, key]), issue.message)
      return
    }
    const value = valueAt(source.root, place)
    if (value === undefined && issue.code !== 'custom') {
      this.add('missing', source.at(place), `is missing: ${issue.message}`)
      return
    }
    this.add('bad-value', source.at(place), `${issue.message}${source.showsValues ? gotText(value) : ''}`)
  }
}

/** A value, and how to name a place in it. */
export interface Placed<T> {
  readonly value: T
  readonly at: (path?: Path) => string
}

type Outputs<Shape extends Record<string, z.ZodType>> = { [Key in keyof Shape]: z.output<Shape[Key]> }

/** The words for a key that a mapping does not have. */
export function unknownKey(known: readonly string[]): string {
  return `is not known here; known are ${known.join(', ')}`
}

/** The value at the end of a path; undefined where the way breaks off. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string | number, unknown>)[key]
  }
  return value
}

/** Names as they stand in the mappings at `path`, without asking whether the rest of them is right. */
export function namesIn(sources: readonly Source[], path: Path, key: string): ReadonlySet<string> {
  const names = sources.flatMap((source) => {
    const elements = path.length === 0 ? [source.root] : valueAt(source.root, path)
    return Array.isArray(elements) ? elements.map((element: unknown) => valueAt(element, [key])) : []
  })
  return new Set(names.filter((name) => typeof name === 'string'))
}

/** `links[0].url`; the document itself is `(top)`. */
export function keyText(path: Path): string {
  if (path.length === 0) return '(top)'
  return path.map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? key : `.${key}`)).join('')
}

/** The path that `keyText` wrote. */
export function pathOf(key: string): Path {
  if (key === '(top)') return []
  return [...key.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([part, index]) => (index === undefined ? part : Number(index)))
}

/** Only plain values are repeated: of a mapping its place says enough. */
function gotText(value: unknown): string {
  if (typeof value === 'object' && value !== null) return ''
  const full = value === undefined ? 'nothing' : JSON.stringify(value)
  return `, got ${full.length > shownMax ? `${full.slice(0, shownMax)}…` : full}`
}
