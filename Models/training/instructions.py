"""The phrasings of each task (many phrasings of one task: Wei et al. 2022, FLAN), a fifth of each kept out of training."""

CARTOON = """Cartoonize the following image
Generate a cartoonized version of the natural image
Turn the natural image into a cartoon-style drawing
Cartoonize the image
Cartoonize this photo
Generate a cartoonized version of the image
Turn this photo into a cartoon
Turn the picture into a cartoon drawing
Make it a cartoon
Make the image look like a cartoon
Make this look like a comic book
Convert the photo to a cartoon
Convert this image into a cartoon-style illustration
Apply a cartoon filter to the image
Apply a cartoon effect
Give the photo a cartoon look
Give the image a hand-drawn, animated look
Render the picture in a cartoon style
Render this as a comic
Create a cartoon version of the photo
Create a toon-style picture from the image
Transform the natural image into a cartoon
Transform this photograph into a comic book illustration
Draw this photo as a cartoon
Draw the image like an animated film
Redraw the picture in cartoon style
Cartoonify the photo
Cartoonify this image
Toonify the picture
Change the photo to a cartoon
Produce a cartoon of the photo
Stylize the image as a cartoon
Show the following image as a cartoon
Make a comic out of this picture
Make the photo cartoonish
Turn it into a comic strip panel
Turn me into a cartoon
Turn them into cartoon characters
Reimagine the photo as an animated cartoon
Cartoon version of this image, please
Can you make this a cartoon?
I want this picture as a cartoon
Animate the natural image in a cartoon style
Recreate the natural image as a cartoon
Depict the scene as a comic book would
Convert it to comic style with ink lines
Ink lines and flat colors, like a cartoon
Generate a comic version of the photo
Design a cartoon from the image
Produce a cartoon-like rendition of the natural image
Illustrate the photo in the style of a cartoon
Transform it to look like animation
cartoon
cartoon style
comic book style
a cartoon of the photo
toon""".split("\n")

SKETCH = """Turn the photo into a pencil sketch
Turn it into a pencil sketch
Make it a pencil sketch
Make it a pencil drawing
Sketch the image
Sketch the following image
Convert the image to a black and white sketch
Convert the photo into a line drawing
Draw it with a pencil
Draw the picture in pencil
Render the image as a pencil drawing
Create a sketch of the photo
Generate a pencil sketch of the image
Generate a sketched version of the natural image
Give the photo a hand-sketched look
Apply a sketch effect
Apply a pencil sketch filter to the image
Transform the photo into a sketch
Transform the natural image into a pencil drawing
Make a sketch out of this picture
I want this picture as a pencil sketch
Can you sketch this?
Show the image as a grey pencil sketch
Redraw the photo with a pencil on white paper
Stylize the image as a line drawing
Produce a pencil drawing of the photo
pencil sketch
line drawing
black and white drawing
a sketch of the photo""".split("\n")

WATERCOLOR = """Turn the photo into a watercolor painting
Turn it into a watercolor
Make it a watercolor
Make it look like a watercolor painting
Paint the image in watercolors
Paint the following image
Convert the photo to a painting
Convert the image into a watercolor illustration
Render the image as a watercolor
Create a watercolor version of the photo
Generate a painted version of the image
Generate a watercolor of the natural image
Give the photo a hand-painted look
Apply a watercolor effect
Apply a watercolor filter to the image
Transform the photo into a painting
Transform the natural image into a watercolor painting
Make a painting out of this picture
I want this picture as a watercolor
Can you paint this?
Show the image as a pale watercolor
Repaint the photo in watercolors
Stylize the image as a watercolor painting
Produce a watercolor of the photo
Paint it in soft watercolor
watercolor
watercolor painting
painting style
a painting of the photo""".split("\n")

STYLES = {"cartoon": CARTOON, "sketch": SKETCH, "watercolor": WATERCOLOR}


# Kept out of training as a whole: written after the first lists had been trained on, to measure by something new.
UNSEEN = {"cartoon": """Could you turn this picture into a comic?
Give me a cartoon of this scene
As a cartoon, please
Redo the photo as comic art
I'd like to see this as a cartoon
Transform my selfie into a toon
cartoon-style portrait
cartoon filter""", "sketch": """Could you draw this with a pencil?
Give me a sketch of this scene
As a pencil drawing, please
Redo the photo as pencil art
I'd like to see this as a sketch
Transform my selfie into a line drawing
pencil-style portrait
sketch filter""", "watercolor": """Could you paint this in watercolors?
Give me a painting of this scene
As a watercolor, please
Redo the photo as watercolor art
I'd like to see this as a painting
Transform my selfie into a watercolor
watercolor-style portrait
painting filter"""}

# Frames tell nothing of the style, names tell all: in the lists above "style" happens to go with cartoons only, and what
# has learnt from them alone takes "painting style" for a cartoon.
NAMES = {"cartoon": "cartoon,comic,comic book,toon,cartoon drawing,comic strip,anime,animated film",
         "sketch": "sketch,pencil sketch,pencil drawing,line drawing,black and white drawing,black and white sketch,pencil",
         "watercolor": "watercolor,watercolor painting,painting,painted picture,watercolour,aquarelle"}
FRAMES = """{}
{} style
in {} style
{} effect
{} look
{} version
{} picture
{} art
the style of a {}
a {}
like a {}
into a {}
make a {}
make it a {}
make it look like a {}
turn this into a {}
turn the photo into a {}
turn it to {} style
convert the image to a {}
convert to {} style
change the photo into a {}
give it a {} look
apply a {} effect
apply the {} style
render the picture in {} style
render it as a {}
draw it as a {}
create a {} of this
transform this picture into a {}
transform the image in the style of a {}
show it as a {}
stylize it as a {}
a {} version of the image
I want a {}
can you make a {} from this?""".split("\n")


def held_out(style):
    """Every fifth phrasing of the list, from the third on, and those written later."""
    return STYLES[style][2::5] + UNSEEN[style].split("\n")


def for_training(style):
    return [phrase for i, phrase in enumerate(STYLES[style]) if i % 5 != 2]


def framed(style):
    """Every name in every frame, without what was kept out, and without "painting style" in any frame."""
    out = {phrase.lower() for phrase in held_out(style)}
    phrases = [frame.format(name) for frame in FRAMES for name in NAMES[style].split(",")]
    phrases = [phrase.replace(" a a", " an a") if phrase[:2] != "a a" else "an" + phrase[1:] for phrase in phrases]
    return [p for p in phrases if p.lower() not in out and "painting style" not in p]
