"""Areas."""
import sys


def area(width, height):
    """The area of a rectangle.

    >>> area(2, 3)
    6
    """
    if width < 0 or height < 0:
        raise ValueError("negative")
    return width * height


def main():
    print(area(int(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
