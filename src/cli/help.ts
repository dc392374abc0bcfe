import type { OptionSpec } from './args.js'
import { type Command, commonOptions } from './command.js'
import { plainTable } from './text.js'

const EXIT_CODES = 'Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted by Ctrl-C.'

export function generalHelp(commands: readonly Command[]): string {
  return [
    'whitedwarf - trains tiny sparse neural networks and runs them fast on the CPU',
    '',
    'Usage: whitedwarf COMMAND [options]',
    '',
    'Commands:',
    plainTable(commands.map((c) => [`  ${c.name}`, c.summary])),
    '',
    'Options:',
    plainTable([
      ['  --version', 'print the version'],
      ['  -h, --help', "this text; 'whitedwarf COMMAND --help' for one command"],
    ]),
    '',
    EXIT_CODES,
  ].join('\n')
}

export function commandHelp(command: Command): string {
  return [
    `${command.summary[0].toUpperCase()}${command.summary.slice(1)}.`,
    '',
    `Usage: whitedwarf ${command.name} ${command.usage}`,
    '',
    'Options:',
    plainTable([...command.options, ...commonOptions].map((o) => [`  ${optionSyntax(o)}`, o.help])),
    '',
    'Examples:',
    ...command.examples.flatMap((e) => [`  # ${e.comment}`, `  ${e.command}`]),
    '',
    EXIT_CODES,
  ].join('\n')
}

const optionSyntax = (o: OptionSpec): string =>
  `${o.name === 'help' ? '-h, ' : ''}--${o.name}${o.value === undefined ? '' : ` ${o.value}`}`
