# Every target is a word of make.py, which also runs without make: `python make.py test`.
PYTHON ?= python3
export LESSONS SEEDS WITHOUT LOWEST

.PHONY: lab run test quick save claims results lint clean
lab run test quick save claims results lint clean:
	@$(PYTHON) make.py $@
