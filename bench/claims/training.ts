/** Training: how fast its passes and steps are, on one thread and on two, and what memory they take. */
import { installPeers, ourLosses, PEERS, type PeerName, peerVersion, runPeer } from '../peers.js'
