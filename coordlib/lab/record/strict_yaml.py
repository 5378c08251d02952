"""YAML in which a name cannot come twice: the second would replace the first."""


def read_strictly(text: str) -> object:
    """What YAML holds; a name that comes twice in one place is an error in it.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    import yaml

    # The one in C is ten times as fast, and not everywhere.
    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            # Once, for this puts what is merged among the names of the node itself.
            seen = self.__dict__.setdefault("seen", set())
            names = (
                [] if id(node) in seen else [str(key.value) for key, _ in node.value]
            )
            seen.add(id(node))
            if twice := sorted({name for name in names if names.count(name) > 1}):
                line = node.start_mark.line + 1
                raise ValueError(f"{', '.join(twice)} twice from line {line} on")
            super().flatten_mapping(node)

    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
