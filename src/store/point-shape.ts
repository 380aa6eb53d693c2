import { itemId } from '../model/index.js'
import type { ItemId, ItemValue, Unit } from '../model/index.js'

/**
 * The form of a point's values without the values: which items in which order, each with its exponent, unit and number of
 * integers, or words, or absent. A site has few of them, so a stored point names its shape by number.
 */
export type PointShape = readonly ShapePart[]
export type ShapePart = (
  | { readonly item: ItemId; readonly kind: 'ints'; readonly count: number; readonly exponent: number; readonly unit: Unit }
  | { readonly item: ItemId; readonly kind: 'words'; readonly count: number }
  | { readonly item: ItemId; readonly kind: 'absent' }
) & {
  /** The item has an origin of its own: its source and instant stand before its values. */
  readonly own: boolean
}

type ShapeTuple =
  readonly ['a', string] | readonly ['w', string, number, 0 | 1] | readonly ['i', string, number, 0 | 1, number, Unit]

/** The name under which a shape stands in the dictionary. */
export function shapeText(values: readonly ItemValue[]): string {
  return JSON.stringify(
    values.map((value): ShapeTuple => {
      if ('absent' in value) return ['a', value.item]
      const own = value.own === undefined ? 0 : 1
      if ('words' in value) return ['w', value.item, value.words.length, own]
      return ['i', value.item, value.ints.length, own, value.exponent, value.unit]
    }),
  )
}

/** Reads a shape back from its name; the name was written by `shapeText`. */
export function parseShape(text: string): PointShape {
  const tuples = JSON.parse(text) as readonly ShapeTuple[]
  return tuples.map((tuple): ShapePart => {
    const item = itemId(tuple[1])
    switch (tuple[0]) {
      case 'a':
        return { item, kind: 'absent', own: false }
      case 'w':
        return { item, kind: 'words', count: tuple[2], own: tuple[3] === 1 }
      case 'i':
        return { item, kind: 'ints', count: tuple[2], exponent: tuple[4], unit: tuple[5], own: tuple[3] === 1 }
    }
  })
}

/** For each stored position of a shape, whether it holds text. An own origin takes two positions, an absence one. */
export function positionsOf(shape: PointShape): readonly { readonly isText: boolean }[] {
  return shape.flatMap((part) => {
    const own = part.own ? [{ isText: false }, { isText: false }] : []
    const count = part.kind === 'absent' ? 1 : part.count
    return [...own, ...Array.from({ length: count }, () => ({ isText: part.kind === 'words' }))]
  })
}
