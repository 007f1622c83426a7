"""Entry point of the image; the console script `source-tiktok-organic` calls the same function."""

from source_tiktok_organic.run import run

if __name__ == "__main__":
    run()
