// Trains the default method with one site held out, scores it there, and segments an image.
// In the folder where it runs: data with sites, clip with a CLIP model, and new.png.
// snippet: train
import Datasets
import Foundation
import Training

let (data, clip, out) = (URL(filePath: "data"), URL(filePath: "clip"), URL(filePath: "run"))
// snippet: run
let sites = try SiteCatalog(at: data)
let run = try Run.create(
  at: out, data: sites, holdOut: "site-c", clip: .folder(clip), prompts: .endoscopy
) { $0.epochs = 10 }
try run.train { print($0) }
print(try run.evaluate(on: sites["site-c"]))
try run.predictor().mask(of: URL(filePath: "new.png")).write(to: URL(filePath: "mask.png"))
// end
// end
