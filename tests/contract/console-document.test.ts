import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import t from 'tap'
import { exits, type CliWorld } from '../../src/console/cli-world.js'
import { idleMsMax, answerMsMax } from '../../src/console/connection.js'
import { eventsKeptMax } from '../../src/console/kept-frames.js'
import { addKeys, addOrders } from '../../src/console/order-program.js'
import { addCheck, addLooking } from '../../src/console/program.js'
import { requestBytesMax, rowsMax } from '../../src/console/protocol.js'
import { consoleRetryMs } from '../../src/runtime/console-service.js'
import { systemTimers } from '../../src/runtime/system-clock.js'
import { projectRoot } from '../helpers/root.js'

const text = readFileSync(join(projectRoot(), 'docs/console.md'), 'utf8')

const nobody: CliWorld = {
  ...{ print: () => undefined, printError: () => undefined, setExit: () => undefined, timers: systemTimers },
  ...{ interrupted: () => Promise.resolve(), env: {}, home: '/home/anna', prompt: null, decoders: () => Promise.resolve([]) },
  readParameters: (path) => Promise.resolve({ ok: false, error: { code: 'file', at: path, message: '' } }),
  checkSettings: () => Promise.resolve({ ok: true, value: '' }),
}

function namesOf(add: (program: Command, world: CliWorld) => void): readonly string[] {
  const program = new Command()
  add(program, nobody)
  return program.commands.flatMap((command) =>
    command.commands.length === 0 ? [command.name()] : command.commands.map((sub) => `${command.name()} ${sub.name()}`),
  )
}

await t.test('the document names every command and every order', async (t) => {
  const names = [addLooking, addOrders, addKeys, addCheck].flatMap(namesOf)
  t.ok(names.length > 20)
  for (const name of names) t.match(text, new RegExp(`(\`|\\$ wattkeep )${name}\\b`), name)
})

await t.test('all commands to the daemon take --socket and --json', async (t) => {
  const program = new Command()
  for (const add of [addLooking, addOrders]) add(program, nobody)
  const all = program.commands.flatMap((command) => (command.commands.length === 0 ? [command] : command.commands))
  for (const command of all) {
    const flags = command.options.map(({ long }) => long)
    t.ok(flags.includes('--socket') && flags.includes('--json'), command.name())
  }
})

await t.test('its statuses and limits are the program’s own', async (t) => {
  for (const status of Object.values(exits)) t.match(text, new RegExp(`^\\| ${status} \\|`, 'm'))
  const figure = (value: number): string => value.toLocaleString('en-US')
  for (const limit of [rowsMax, requestBytesMax, eventsKeptMax, idleMsMax / 1000, answerMsMax / 1000, consoleRetryMs / 1000]) {
    t.ok(text.includes(figure(limit)), figure(limit))
  }
})
