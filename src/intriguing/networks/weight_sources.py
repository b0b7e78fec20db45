"""Where the weights of a network come from if they are neither trained here nor in a file."""

# as the architecture's own initialisation, or the user's function, leaves them
AS_BUILT = "as_built"
# torchvision's name for the weights it publishes, of `PUBLISHED_FOR`
PUBLISHED = "IMAGENET1K_V1"
PUBLISHED_FOR = "torchvision_alexnet"
