import { writeFileSync } from 'node:fs'
import { settingsJsonSchema } from '../src/settings/index.js'

/** Writes `config/schema.json` anew from the schemas that read the settings; a test refuses a stale one. */
writeFileSync('config/schema.json', `${JSON.stringify(settingsJsonSchema(), null, 2)}\n`)
