import Torch

/// Mechanisms of things between tissue and viewer: instruments, text, the outline of the view.
struct DeviceMechanisms {
  let canvas: Canvas

  /// A metal shaft that enters from the border; it reaches further in at a higher strength.
  func instrument() throws -> Tensor {
    let way = try canvas.direction()
    let place = try canvas.place(within: 0.5)
    let withdrawn = try (1 - canvas.strength) * 1.3
    let tip = (x: try place.x + way.x * withdrawn, y: try place.y + way.y * withdrawn)
    let width = try canvas.uniform(0.07, 0.13)
    let along = try (canvas.x - tip.x) * way.x + (canvas.y - tip.y) * way.y
    let across = try ((canvas.y - tip.y) * way.x - (canvas.x - tip.x) * way.y) / width
    // The tip is round: behind it the shaft is as wide as everywhere.
    let before = try (along / width).clamped(max: 0)
    let radius = try (across.power(2) + before.power(2)).squareRoot()
    let edge = 3 / Double(canvas.size)
    let cover = try ((1 - radius) * width / edge + 0.5).clamped(min: 0, max: 1)
    let round = try (1 - radius.power(2)).clamped(min: 0).squareRoot()
    let shine = try (((across + 0.35) / 0.16).power(2) * -1).exp() * 0.55
    let coil = try (along * 75).cos() * 0.05
    let grey = try (round * 0.42 + shine + coil + 0.12).clamped(min: 0.04, max: 1)
    let metal = try grey * canvas.colour(0.93, 0.95, 1)
    return try canvas.images.mixed(with: metal, cover * canvas.presence * canvas.onset)
  }

  /// Burned-in text and a menu, on the tissue or the black border; more blocks at a higher strength.
  func text() throws -> Tensor {
    var images = canvas.images
    let blocks = [(lines: 5, letters: 11), (lines: 3, letters: 16), (lines: 7, letters: 9)]
    let turns = try canvas.turns(blocks.count)
    // White, yellow or green.
    let hue = try canvas.uniform(0, 3).floor()
    let (isYellow, isGreen) = (try hue.equals(1).to(.float32), try hue.equals(2).to(.float32))
    let colour = try Tensor.concatenated(
      [1 - isGreen * 0.7, hue.onesLike(), 1 - isYellow * 0.8 - isGreen * 0.5], dim: 1)
    for (index, block) in blocks.enumerated() {
      let shown = try turns.narrowed(dim: 1, start: index, length: 1)
      let dot = try canvas.uniform(0.008, 0.013)
      let (rows, columns) = (block.lines * 9, block.letters * 5)
      // The block lies at one side, inside the image.
      func start(_ count: Int) throws -> Tensor {
        let free = try 1.9 - dot * Double(count)
        return try canvas.uniform().power(0.12) * canvas.sign() * free / 2 - dot * (Double(count) / 2)
      }
      let (left, top) = (try start(columns), try start(rows))
      let across = try (canvas.x - left) / (dot * Double(columns)) * 2 - 1
      let down = try (canvas.y - top) / (dot * Double(rows)) * 2 - 1
      let count = canvas.chance.count
      let shape = [count, canvas.size, canvas.size]
      let grid = try Tensor.stacked(
        [
          across.expanded(to: [count, 1, canvas.size, canvas.size]).reshaped(shape),
          down.expanded(to: [count, 1, canvas.size, canvas.size]).reshaped(shape),
        ], dim: 3)
      let letters =
        try canvas.normal(1, rows, columns).greater(than: -0.1).to(.float32)
        * Self.gaps(lines: block.lines, letters: block.letters).to(canvas.images.device)
      let cover = try letters.sampled(at: grid, interpolation: .bilinear)
      if index == 2 {
        // A menu has a dark ground.
        let ground = try letters.onesLike().sampled(at: grid, interpolation: .bilinear)
        images = try images.mixed(with: images * 0.3, ground * shown)
      }
      images = try images.mixed(with: colour, cover * shown * 0.95)
    }
    return images
  }

  /// The dots of a block that letters may use: 1×1×(9·lines)×(5·letters).
  ///
  /// A letter has 6 × 4 dots, and some letters at the end of a line are missing.
  private static func gaps(lines: Int, letters: Int) throws -> Tensor {
    var dots = [Float](repeating: 0, count: lines * 9 * letters * 5)
    for line in 0..<lines {
      let length = letters - (line * 5) % max(1, letters / 2)
      for row in 0..<6 {
        for column in 0..<length * 5 where column % 5 < 4 && (column / 5 + line * 3) % 7 != 6 {
          dots[((line * 9 + row + 1) * letters * 5) + column] = 1
        }
      }
    }
    return try Tensor(dots, shape: [1, 1, lines * 9, letters * 5])
  }

  /// Another outline of the view: round, rounded or nearly square; the rest is black.
  ///
  /// What it hides is no lesion in the mask.
  func viewBorder() throws -> (images: Tensor, masks: Tensor) {
    let roundness = try canvas.uniform(1, 3).power(2) + 1
    let shift = (x: try canvas.uniform(-0.08, 0.08), y: try canvas.uniform(-0.08, 0.08))
    func power(_ line: Tensor) throws -> Tensor { try ((line.magnitude() + 1e-6).log() * roundness).exp() }
    let sum = try power(canvas.x - shift.x * canvas.strength) + power(canvas.y - shift.y * canvas.strength)
    let distance = try ((sum + 1e-9).log() / roundness).exp()
    let radius = try 0.95 - canvas.strength * 0.17
    let edge = max(0.015, 2 / Double(canvas.size))
    let outside = try (1 - ((radius - distance) / edge).clamped(min: 0, max: 1)) * canvas.onset
    let inside = try 1 - outside
    let masks = try canvas.masks * inside.atLeast(0.5).to(canvas.masks.dtype)
    return (try canvas.images * inside, masks)
  }
}
