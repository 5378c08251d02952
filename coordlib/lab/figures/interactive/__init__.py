"""Interactive figures: they compute in the reader's browser, without a kernel.

Each figure is an anywidget, and so an ordinary ipywidget in Jupyter and in Colab.
Its JavaScript lies beside its Python, under the same name; on the pages of the book the
same text is run by ``book/assets/widgets.js``. What a figure shows is a pure function
of its traits, and the tests hold that function equal to coordlib's Python.

`predict` asks for a guess before an answer, and `score` sets all guesses of a chapter
beside what was measured.

anywidget is needed here only: ``pip install coordlib[lab]``.
"""

from coordlib.lab.figures.interactive.alias_spectrum import AliasSpectrum
from coordlib.lab.figures.interactive.answer_arrows import AnswerArrows
from coordlib.lab.figures.interactive.common import SOBEL as SOBEL
from coordlib.lab.figures.interactive.common import Figure as Figure
from coordlib.lab.figures.interactive.commuting_square import CommutingSquare
from coordlib.lab.figures.interactive.dragged_thing import DraggedThing
from coordlib.lab.figures.interactive.failure_groups import FailureGroups
from coordlib.lab.figures.interactive.four_rectifiers import FourRectifiers
from coordlib.lab.figures.interactive.hand_decoder import HandDecoder
from coordlib.lab.figures.interactive.label_along_shift import LabelAlongShift
from coordlib.lab.figures.interactive.latent_walks import LatentWalks
from coordlib.lab.figures.interactive.luck_of_training import LuckOfTraining
from coordlib.lab.figures.interactive.painted_answers import PaintedAnswers
from coordlib.lab.figures.interactive.painters_compare import PaintersCompare
from coordlib.lab.figures.interactive.place_bias import PlaceBias
from coordlib.lab.figures.interactive.played_games import PlayedGames
from coordlib.lab.figures.interactive.pooling_1d import Pooling1D
from coordlib.lab.figures.interactive.prediction import Prediction as Prediction
from coordlib.lab.figures.interactive.prediction import predict as predict
from coordlib.lab.figures.interactive.prediction import score as score
from coordlib.lab.figures.interactive.race import Race
from coordlib.lab.figures.interactive.sliding_kernel import SlidingKernel

__all__ = [
    "AliasSpectrum",
    "AnswerArrows",
    "CommutingSquare",
    "DraggedThing",
    "FailureGroups",
    "FourRectifiers",
    "HandDecoder",
    "LabelAlongShift",
    "LatentWalks",
    "LuckOfTraining",
    "PaintedAnswers",
    "PaintersCompare",
    "PlaceBias",
    "PlayedGames",
    "Pooling1D",
    "Race",
    "SlidingKernel",
]
