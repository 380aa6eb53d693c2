import { z } from 'zod'
import { secretsSchema } from './secrets.js'
import { fileSchemas } from './site-lists.js'
import { siteSchema } from './site-schema.js'

/**
 * JSON schema of all files of a site, for editors: the main file at the top, the others under `$defs`. Generated from the
 * schemas that read the files, so it cannot differ from them.
 */
export function settingsJsonSchema(): Record<string, unknown> {
  const { $schema, ...site } = schemaOf(siteSchema)
  const files = { ...fileSchemas, secrets: secretsSchema }
  const definitions = Object.entries(files).map(([name, schema]) => {
    const { $schema: _, ...definition } = schemaOf(schema)
    return [name, definition] as const
  })
  return { $schema, title: 'Wattkeep site settings', ...site, $defs: Object.fromEntries(definitions) }
}

function schemaOf(schema: z.ZodType): Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) }
}
