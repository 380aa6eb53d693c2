import t from 'tap'
import { columnsMax } from '../../src/console/columns.js'
import { jsonLines, wattkeep } from '../helpers/command-line.js'

const looking = ['status', 'meters', 'read', 'account', 'why', 'events', 'gaps', 'orders', 'trace', 'network', 'self-test']
const commands = [...looking, 'check', 'frame', 'probe', 'key', 'order'].map((name) => [name])
const orders = ['protect', 'replace-meter', 'set-time', 'set-parameters', 'replay'].map((kind) => ['order', kind])

await t.test('every command says what it takes, in 80 columns', async (t) => {
  for (const words of [[], ...commands, ...orders, ['key', 'new']]) {
    const { status, out } = await wattkeep([...words, '--help'])
    t.equal(status, 0, words.join(' '))
    const long = out.split('\n').filter((line) => [...line].length > columnsMax)
    t.strictSame(long, [], words.join(' '))
    if (words.length > 0) t.match(out, /--json|Commands:/, words.join(' '))
    for (const [line = ''] of out.matchAll(/^ {2}<?[a-z][a-z.]*>?$/gm)) t.fail(`${words.join(' ')}: ${line} says nothing`)
  }
})

await t.test('a wrong command line is told as data too, where data are asked for', async (t) => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['read', '--json'], 'missing-argument'],
    [['bogus', '--json'], 'unknown-command'],
    [['status', '--jsn', '--json'], 'unknown-option'],
  ]
  for (const [args, code] of cases) {
    const said = await wattkeep(args)
    t.equal(said.status, 2)
    t.match(jsonLines(said), [{ ok: false, error: { code, at: 'command line', message: /./ } }], code)
  }
  t.match(await wattkeep(['events', '--show', 'x']), {
    status: 2,
    err: /^wattkeep: --show: expected a whole number from 1, got "x"/,
  })
  t.match(await wattkeep(['events', '--count', '1001']), { status: 2, err: /^wattkeep: --count: .* from 1 to 1000/ })
  t.match(await wattkeep(['--version', '--json']), { status: 0, err: '' })
})
