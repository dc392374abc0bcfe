/** Runs a page's work and shows what came of it, or what went wrong, with every violation of the security policy. */
const violations = []
document.addEventListener('securitypolicyviolation', (event) => {
  violations.push(`${event.violatedDirective}: ${event.blockedURI}`)
})

export async function report(work) {
  let outcome
  try {
    outcome = { value: await work(new URLSearchParams(location.search)) }
  } catch (error) {
    outcome = { error: { code: error.code, message: String(error.message) } }
  }
  const element = document.getElementById('result')
  element.textContent = JSON.stringify({ ...outcome, violations })
  element.dataset.done = 'yes'
}
