/*
 * Whether the folder that a state names as its bundle can be the bundle of that container. Names, profile and powers of
 * a container are read there, so nobody but a runtime of the node may have written it: a path into a container's own
 * files, or into a folder of another container, makes the identity unknown.
 */
#pragma once

#include <string>

namespace secco {

enum class BundlePlace {
  own, /* believed */
  gone, /* not there (any more): nothing can be read */
  foreign, /* no runtime of the node writes this container's bundle there */
};

/* place_of returns where the bundle of the container with this id is. It reads no file. */
BundlePlace place_of(const std::string &bundle, const std::string &id);

}  // namespace secco
