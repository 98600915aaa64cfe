import unittest
from unittest import mock

from shapes import area


class AreaTest(unittest.TestCase):
    def setUp(self):
        self.sides = [(1, 2, 2), (3, 4, 12)]

    def test_product(self):
        for width, height, expected in self.sides:
            with self.subTest(width=width):
                self.assertEqual(area.area(width, height), expected)

    def test_negative(self):
        with self.assertRaises(ValueError):
            area.area(-1, 1)

    @unittest.skip("for later")
    def test_later(self):
        self.fail()

    @mock.patch("shapes.area.print", create=True)
    @mock.patch("sys.argv", ["area", "6", "7"])
    def test_main(self, printed):
        area.main()
        printed.assert_called_once_with(42)
