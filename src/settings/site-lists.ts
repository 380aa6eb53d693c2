import { z } from 'zod'
import { meterSchema, metersMax, profileSchema, taskSchema, tasksMax } from './archive-schema.js'
import type { Placed, Problems, Source } from './problems.js'
import { keysMax, technicianKeySchema } from './rules-schema.js'
import { list, section } from './scalars.js'
import { tariffSchema, tariffVersionsMax } from './tariff-schema.js'

/** What a file (or an order's body) that holds one list is made of: `{ meters: […] }`, `{ tasks: […] }`, … */
export const lists = {
  meters: { name: 'meters', element: meterSchema, max: metersMax, words: 'meters' },
  tasks: { name: 'tasks', element: taskSchema, max: tasksMax, words: 'tasks' },
  tariffs: { name: 'tariffs', element: tariffSchema, max: tariffVersionsMax, words: 'tariff versions' },
  keys: { name: 'keys', element: technicianKeySchema, max: keysMax, words: 'keys' },
} as const

/** The elements of a document that holds one list; each bad one is noted, the good ones are given. */
export function takeList<Element extends z.ZodType>(
  kind: { readonly name: string; readonly element: Element; readonly max: number; readonly words: string },
  source: Source,
  problems: Problems,
): readonly Placed<z.output<Element>>[] {
  problems.takeFields({ [kind.name]: list(z.unknown(), kind.max, kind.words) }, source)
  return problems.takeEach(kind.element, source, [kind.name])
}

/** Schemas of the whole files, for the published JSON schema. */
export const fileSchemas = {
  archive: section({ meters: list(meterSchema, metersMax, 'meters') }),
  profile: profileSchema,
  tasks: section({ tasks: list(taskSchema, tasksMax, 'tasks') }),
  tariffs: section({ tariffs: list(tariffSchema, tariffVersionsMax, 'tariff versions') }),
}
