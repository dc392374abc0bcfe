// Finds a Chromium for the browser tests: CHROMIUM_PATH, or a usual place, or (as root on a Debian-like system) installs
// one. Prints its path when run directly.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
]

/** Path of a Chromium executable. Throws an Error that says what to do when there is none. */
export function findChromium() {
  const named = process.env.CHROMIUM_PATH
  if (named !== undefined && named !== '') {
    if (existsSync(named)) return named
    throw new Error(`CHROMIUM_PATH is '${named}', but there is no such file`)
  }
  const found = PLACES.find((path) => existsSync(path))
  if (found !== undefined) return found
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) return install()
  throw new Error('the browser tests need Chromium: install it, or set CHROMIUM_PATH to its executable')
}

function install() {
  console.error('Chromium is missing: installing it with apt-get')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const options = { env, stdio: ['ignore', 'ignore', 'inherit'] }
  try {
    execFileSync('apt-get', ['update', '-qq'], options)
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], options)
  } catch (cause) {
    throw new Error('apt-get could not install chromium: install it by hand, or set CHROMIUM_PATH', { cause })
  }
  return PLACES[0]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(findChromium())
