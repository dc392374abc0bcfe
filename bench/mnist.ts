/** MNIST from data/mnist, and how models score on it. */
