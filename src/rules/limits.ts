/**
 * The most containers of a pod that Secco decides about, ephemeral ones included: their annotations come near the
 * 256 KiB that a pod may carry, and CEL near its cost limit. A node runs 110 pods by default (KubeletConfiguration
 * maxPods), so no honest pod comes near it. A larger pod that something selects is denied.
 */
export const maxContainers = 256

/** The most labels of a pod that Secco reads; a pod with more is denied. */
export const maxLabels = 1024

/** The most containers of a pod in which CEL looks for paths: etcd stores fewer, with their defaults, in its 1.5 MB. */
export const maxStoredContainers = 10_000

/** The most characters of a path below the kubelet's folder. No file has a longer one, and CEL need not compare it. */
export const maxPathLength = 2048

/**
 * The most characters of all names of a pod's images that CEL compares with the patterns of a rule: its cost grows with
 * their product, and a pod that exceeds the cost limit would be accepted. 256 names of 64 characters.
 */
export const maxImagesLength = 16 * 1024
/** The most comparisons of an image with a pattern, of about 40 units of cost each. */
export const maxImagePairs = 8192
/**
 * The most characters of names times those of regular expressions. CEL counts a unit for each 40, and for images compares
 * twice: its limit is 1,000,000 units.
 */
export const maxImageProduct = 8_000_000
export const maxNameProduct = 24_000_000
