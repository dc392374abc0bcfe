/** `whitedwarf/node`: what only programs in Node can ask for. */
export { enableRevectoriser } from './wasm/revectoriser.js'
