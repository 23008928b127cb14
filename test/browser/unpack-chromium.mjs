// Unpacks the Chromium that came with its package, into TMPDIR, and says where it is. A process of its own, since the package goes by
// its environment. It was made for AWS Lambda, and brings the libraries that a bare system lacks only where it believes to be there.
import chromium from '@sparticuz/chromium';

process.stdout.write(await chromium.executablePath());
