package viz

// Option changes how a chart, a table or a grid of images is shown. One that does not apply is ignored.
type Option func(*settings)

type settings struct {
	title, subtitle string
	xlabel, ylabel  string
	names           []string
	x               any
	groups          any
	width, height   int
	bins            int
	columns         int
	pixelH, pixelW  int
	logY            bool
	epochs          bool // the horizontal axis counts them
}

func apply(options []Option) settings {
	s := settings{width: 640, height: 400}
	for _, o := range options {
		if o != nil {
			o(&s)
		}
	}
	s.width = min(max(s.width, 120), 4000)
	s.height = min(max(s.height, 80), 4000)
	return s
}

// Title is the heading of a chart.
func Title(text string) Option { return func(s *settings) { s.title = text } }

// Subtitle is a smaller line below the title.
func Subtitle(text string) Option { return func(s *settings) { s.subtitle = text } }

// XLabel names the horizontal axis.
func XLabel(text string) Option { return func(s *settings) { s.xlabel = text } }

// YLabel names the vertical axis.
func YLabel(text string) Option { return func(s *settings) { s.ylabel = text } }

// Names are the names of the series of a chart, the classes of a confusion matrix, or the captions of images.
func Names(names ...string) Option { return func(s *settings) { s.names = names } }

// X is where the points of [Line] stand: numbers, or strings for categories. Left out, they are counted from 0.
func X(x any) Option { return func(s *settings) { s.x = x } }

// Groups gives each point of [Scatter] the name of its group (strings or integers); each group has its colour.
func Groups(groups any) Option { return func(s *settings) { s.groups = groups } }

// Size is the width and height of a chart in pixels, 640 by 400 if left out. A chart shrinks to fit a narrower page.
func Size(width, height int) Option {
	return func(s *settings) { s.width, s.height = width, height }
}

// Bins is the number of bars of [Hist], or, left out, one that suits the data.
func Bins(n int) Option { return func(s *settings) { s.bins = n } }

// LogY makes the vertical axis logarithmic; values that are not positive are left out.
func LogY() Option { return func(s *settings) { s.logY = true } }

// Columns is how many images [Images] puts side by side.
func Columns(n int) Option { return func(s *settings) { s.columns = n } }

// Pixels is the height and width of images that are given to [Images] as rows of numbers. Left out, they are square.
func Pixels(height, width int) Option {
	return func(s *settings) { s.pixelH, s.pixelW = height, width }
}
