// Trains MCDRL with one site held out, and scores it there.
import Datasets
import Foundation
import Training

let words = CommandLine.arguments
guard words.count == 5 else {
  print("usage: train DATA CLIP SITE OUT")
  exit(2)
}
let (data, clip, out) = (URL(filePath: words[1]), URL(filePath: words[2]), URL(filePath: words[4]))

let sites = try SiteCatalog(at: data)
let run = try Run.create(at: out, data: sites, holdOut: words[3], clip: .folder(clip), prompts: .endoscopy) {
  $0.epochs = 2
}
try run.train { print($0) }
print(try run.evaluate(on: sites[words[3]]))
