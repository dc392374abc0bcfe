/** Chromium for the browser tests: how it is started, and what a page must and must not show. */
import { type Browser, chromium } from 'playwright-core'

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })

/** Loads a page, waits for its result, and collects everything that a clean page must not show. */
export async function visitPage(browser: Browser, origin: string, path: string) {
  const context = await browser.newContext()
  const tab = await context.newPage()
  const problems: string[] = []
  const requests: string[] = []
  tab.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
  })
  tab.on('pageerror', (error) => problems.push(error.message))
  tab.on('request', (request) => requests.push(request.url()))
  await tab.goto(`${origin}${path}`)
  const element = tab.locator('#result[data-done]')
  await element.waitFor({ timeout: 60_000 })
  const result = JSON.parse((await element.textContent()) as string)
  await context.close()
  return { result, problems, elsewhere: requests.filter((url) => !url.startsWith(`${origin}/`)) }
}
