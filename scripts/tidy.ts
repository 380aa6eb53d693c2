import { checkTree } from './tidy/tree.js'

/** Checks the whole tree against the rules that are data in `tidy/table.ts`. Usage: node dist/scripts/tidy.js [ROOT] */
const [, , root = process.cwd()] = process.argv
const breaches = checkTree(root)
for (const { file, line, rule, message } of breaches) console.log(`${file}:${line} ${message} [${rule}]`)
console.log(breaches.length === 0 ? 'tidy' : `${breaches.length} breaches`)
if (breaches.length > 0) process.exitCode = 1
